//! Requests for topics over HTTP: what is understood is the same in another spelling, and a refusal is a whole answer.

#[path = "../../src/http/topics/seeds.rs"]
mod heads;

/// Everything comes from the client.
pub fn check(data: &[u8]) {
    ringwire::sim::topic_request_bytes(data);
}

/// One of each kind.
pub fn seeds() -> Vec<Vec<u8>> {
    heads::HEADS.map(|head| head.as_bytes().to_vec()).into()
}
