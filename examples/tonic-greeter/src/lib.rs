//! `greeter.v1.Greeter`: the messages, and the client and server that `build.rs` makes for them.

mod made {
    include!(concat!(env!("OUT_DIR"), "/greeter.v1.Greeter.rs"));
}

pub use made::{greeter_client, greeter_server};

/// Who is to be greeted.
#[derive(Clone, PartialEq, prost::Message)]
pub struct GreetRequest {
    /// The name.
    #[prost(string, tag = "1")]
    pub name: String,
}

/// Who is to be greeted, one after the other.
#[derive(Clone, PartialEq, prost::Message)]
pub struct GreetManyRequest {
    /// The names.
    #[prost(string, repeated, tag = "1")]
    pub names: Vec<String>,
}

/// A greeting.
#[derive(Clone, PartialEq, prost::Message)]
pub struct GreetReply {
    /// Whom the caller greets, and who that is.
    #[prost(string, tag = "1")]
    pub greeting: String,
}
