//! The written form of a position: the epoch in lowercase hexadecimal, `-`, the offset in decimal, both u64.

/// Whether `text` is one, in its only spelling: `1f3a-17`, without leading zeros or signs.
pub(super) fn is_position(text: &str) -> bool {
    text.split_once('-').is_some_and(|(epoch, offset)| is_epoch(epoch) && is_offset(offset))
}

fn is_epoch(text: &str) -> bool {
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (1..=16).contains(&text.len()) && text.bytes().all(is_hex) && has_no_leading_zero(text)
}

fn is_offset(text: &str) -> bool {
    // A sign would pass the parser.
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u64>().is_ok() && has_no_leading_zero(text)
}

fn has_no_leading_zero(text: &str) -> bool {
    text == "0" || !text.starts_with('0')
}
