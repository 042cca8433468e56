//! One message of a client, judged by the parser and by serde_json. Tests and a fuzz target drive it.

pub(crate) mod oracle;

/// The first byte says whether the message is binary; the rest comes from the client.
///
/// # Panics
/// If the parser's verdict is not the oracle's.
#[cfg(feature = "sim")]
pub fn check_bytes(data: &[u8]) {
    use super::request::Parser;
    use oracle::assert_same;
    let Some((kind, message)) = data.split_first() else { return };
    let mut parser = Parser::new();
    assert_same(&mut parser, message, kind & 1 == 1);
    // Its memory is used again, whatever came before.
    assert_same(&mut parser, br#"{"op":"publish","topic":"a","data":"\u00e9"}"#, false);
}
