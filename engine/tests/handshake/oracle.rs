//! A second opinion on opening handshakes: a naive scan, made from the rules and not from the engine's code.
//!
//! It knows what an accepted head must look like, not everything that may be refused: a head that the engine accepts
//! must pass, a head that passes may still be refused.

/// What the head lacks to be a handshake, if anything. `head` ends with its empty line.
pub(crate) fn objection(head: &[u8]) -> Option<String> {
    let text: String = head.iter().map(|&byte| byte as char).collect();
    let text = text.trim_start_matches("\r\n");
    let Some(text) = text.strip_suffix("\r\n\r\n") else {
        return Some("no empty line at the end".to_owned());
    };
    let mut lines = text.split("\r\n");
    let request_line: Vec<_> = lines.next().unwrap_or_default().split(' ').collect();
    let [method, target, version] = request_line[..] else {
        return Some("not three words in the request line".to_owned());
    };
    if method != "GET" || version != "HTTP/1.1" {
        return Some(format!("{method} with {version}"));
    }
    if target.is_empty() || target.contains(|c: char| !c.is_ascii_graphic() || "#\"<>".contains(c)) {
        return Some(format!("target {target:?}"));
    }
    let mut fields = Vec::new();
    for line in lines {
        let Some((name, value)) = line.split_once(':') else {
            return Some(format!("no colon in {line:?}"));
        };
        if name.is_empty() || name.contains(|c: char| !c.is_ascii_graphic() || "\"(),/:;<=>?@[\\]{}".contains(c)) {
            return Some(format!("header name {name:?}"));
        }
        if value.contains(|c: char| c != '\t' && (c < ' ' || c == '\u{7f}')) {
            return Some(format!("header value {value:?}"));
        }
        fields.push((name.to_ascii_lowercase(), value.trim_matches([' ', '\t']).to_owned()));
    }
    headers_objection(&fields)
}

fn headers_objection(fields: &[(String, String)]) -> Option<String> {
    let values = |wanted: &str| -> Vec<String> {
        fields.iter().filter(|(name, _)| name == wanted).map(|(_, value)| value.clone()).collect()
    };
    let elements = |wanted: &str| -> Vec<String> {
        let joined = values(wanted).join(",");
        joined.split(',').map(|element| element.trim_matches([' ', '\t']).to_owned()).collect()
    };
    let lists = |wanted: &str, element: &str| elements(wanted).iter().any(|found| found.eq_ignore_ascii_case(element));
    let mut protocols = elements("sec-websocket-protocol");
    protocols.retain(|protocol| !protocol.is_empty());
    let protocol_count = protocols.len();
    protocols.sort();
    protocols.dedup();
    let rules = [
        ("one Host", values("host").len() == 1 && !values("host")[0].is_empty()),
        ("at most one Origin", values("origin").len() <= 1),
        ("Upgrade: websocket", lists("upgrade", "websocket")),
        ("Connection: Upgrade", lists("connection", "upgrade")),
        ("version 13, once", values("sec-websocket-version") == ["13"]),
        ("a key, once", values("sec-websocket-key").len() == 1 && is_key(&values("sec-websocket-key")[0])),
        ("no subprotocol twice", protocols.len() == protocol_count),
        ("no body", values("content-length").iter().all(|length| length.trim_matches('0').is_empty())),
        ("no coding", values("transfer-encoding").is_empty()),
    ];
    rules.iter().find(|(_, holds)| !holds).map(|(rule, _)| format!("rule: {rule}"))
}

fn is_key(key: &str) -> bool {
    let Some(digits) = key.strip_suffix("==") else {
        return false;
    };
    digits.len() == 22 && digits.chars().all(|c| matches!(c, 'A'..='Z' | 'a'..='z' | '0'..='9' | '+' | '/'))
}
