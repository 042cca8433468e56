//! Requests of ringwire.v1: the parser's verdict is serde_json's.

/// The first byte says whether the message is binary; the rest comes from the client.
pub fn check(data: &[u8]) {
    ringwire::sim::v1_bytes(data);
}

/// The examples of the contract.
pub fn seeds() -> Vec<Vec<u8>> {
    let blocks = |fence: &'static str, kind: u8| {
        let page = include_str!("../../docs/protocol.md");
        let blocks = page.split(fence).skip(1).filter_map(|rest| Some(rest.split_once("\n```")?.0));
        blocks.map(move |block| [&[kind], block.as_bytes()].concat())
    };
    blocks("```json client\n", 0).chain(blocks("```json client-binary\n", 1)).collect()
}
