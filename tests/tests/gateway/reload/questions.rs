//! What other proxies are told follows the configuration too.

use http::Request;
use http_body_util::Full;
use portcullis_gateway::Config;

use crate::stand::{Upstream, gateway, issuer, send};

#[tokio::test]
async fn forward_auth_answers_by_the_newest_configuration() {
    let (issuer, upstream) = (issuer().await, Upstream::start().await);
    let config = |auth: &str| {
        format!(
            "[server]\nlisten = \"127.0.0.1:0\"\n\
             [forward_auth]\nlisten = \"127.0.0.1:0\"\npeers = [\"127.0.0.1\"]\n\
             [[issuer]]\nurl = \"{}\"\naudiences = [\"{}\"]\n\
             [[route]]\npath = \"/\"\nauth = \"{auth}\"\nupstream = [\"{}\"]\n",
            issuer.issuer(),
            issuer.audience(),
            upstream.url()
        )
    };
    let running = gateway(&config("optional")).await;
    let address = running.forward_auth_address().expect("an endpoint");
    let ask = || {
        let question = Request::get(format!("http://{address}/nginx"))
            .header("host", "api.example.com")
            .header("x-original-method", "GET")
            .header("x-original-uri", "/x");
        send(question.body(Full::default()).expect("a request"))
    };
    assert_eq!(ask().await.status, 200);
    let stricter = Config::parse(&config("required")).expect("a configuration");
    running.reload(stricter).await.expect("taken");
    assert_eq!(ask().await.status, 401);
}
