//! A close frame's payload, against the rules of RFC 6455 §5.5.1 and §7.4 written down a second time.

use ringwire::proto::{CloseCode, CloseFrame, ProtocolError};

/// At most 125 bytes: what the frame header lets through.
pub fn check(data: &[u8]) {
    let payload = &data[..data.len().min(125)];
    let parsed = CloseFrame::parse(payload);
    assert_eq!(parsed, expected(payload));
    if let Ok(close) = parsed {
        assert_eq!(close.encode(&mut [0; 125]), payload, "not what came in");
    }
    reason_is_cut(data);
}

fn expected(payload: &[u8]) -> Result<CloseFrame<'_>, ProtocolError> {
    if payload.is_empty() {
        return Ok(CloseFrame { code: None, reason: "" });
    }
    if payload.len() == 1 {
        return Err(ProtocolError::TruncatedCloseCode);
    }
    let code = u16::from(payload[0]) * 256 + u16::from(payload[1]);
    let is_registered = (1000..=1014).contains(&code) && ![1004, 1005, 1006].contains(&code);
    if !is_registered && code / 1000 != 3 && code / 1000 != 4 {
        return Err(ProtocolError::InvalidCloseCode(code));
    }
    match std::str::from_utf8(&payload[2..]) {
        Ok(reason) => Ok(CloseFrame { code: Some(CloseCode(code)), reason }),
        Err(_) => Err(ProtocolError::InvalidCloseReason),
    }
}

/// A reason of any length becomes its longest whole start that fits.
fn reason_is_cut(data: &[u8]) {
    let reason = String::from_utf8_lossy(data);
    let mut payload = [0; 125];
    let encoded = CloseFrame::new(CloseCode::NORMAL, &reason).encode(&mut payload);
    let sent = CloseFrame::parse(encoded).expect("what we send is valid").reason;
    let next = reason[sent.len()..].chars().next();
    assert!(reason.starts_with(sent));
    assert!(next.is_none_or(|next| sent.len() + next.len_utf8() > CloseFrame::REASON_BYTES_MAX), "cut too short");
}

/// Each kind of payload.
pub fn seeds() -> Vec<Vec<u8>> {
    let codes = [0, 999, 1000, 1001, 1004, 1005, 1006, 1014, 1015, 2999, 3000, 4999, 5000, u16::MAX];
    let mut seeds: Vec<Vec<u8>> = codes.map(|code: u16| code.to_be_bytes().to_vec()).to_vec();
    seeds.extend([vec![], vec![3]]);
    seeds.extend(["bye", "€ 🦀 ß", &"é".repeat(80)].map(|reason| [b"\x03\xe8", reason.as_bytes()].concat()));
    seeds.push(b"\x03\xe8\xe2\x82".to_vec());
    seeds
}
