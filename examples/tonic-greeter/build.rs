//! Makes the client and the server of `greeter.v1.Greeter`.
//!
//! The service is described here and not in a `.proto` file, so that no protoc is needed. With one,
//! `tonic-prost-build` in this place makes the same.

use tonic_build::manual::{Builder, Method, Service};

fn main() {
    let method = |name: &str, route: &str| {
        Method::builder()
            .name(name)
            .route_name(route)
            .output_type("crate::GreetReply")
            .codec_path("tonic_prost::ProstCodec")
    };
    let greeter = Service::builder()
        .package("greeter.v1")
        .name("Greeter")
        .method(
            method("greet", "Greet")
                .input_type("crate::GreetRequest")
                .comment("Greets one.")
                .build(),
        )
        .method(
            method("greet_many", "GreetMany")
                .input_type("crate::GreetManyRequest")
                .server_streaming()
                .comment("Greets one after the other.")
                .build(),
        )
        .build();
    Builder::new().compile(&[greeter]);
    println!("cargo::rerun-if-changed=build.rs");
}
