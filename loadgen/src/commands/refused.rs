//! What a server did not do, told with what to write into its configuration, or what to type instead.

use crate::load::fanout::PUBLISHER;
use crate::transport::Refusal;

/// The error that ends a run. `topics` are those of the run.
pub(super) fn told(refusal: &Refusal, topics: &[String]) -> anyhow::Error {
    let Refusal { code, message } = refusal;
    let rule = |line: &str| {
        let pattern = pattern(topics);
        format!(
            "Ringwire's configuration file (`ringwire serve --config=FILE`) allows it with these lines, before rules for the same \
             topics:\n\n[[topics]]\npattern = \"{pattern}\"\n{line}"
        )
    };
    let mend = match code.as_str() {
        "not_allowed" if message.contains("publish") => rule("publish = \"anyone\"\nhistory_count = 1000"),
        "not_allowed" if message.contains("subscribe") => rule("subscribe = \"anyone\"\nhistory_count = 1000"),
        "not_allowed" => "--form=text or --form=binary sends what it takes, or its rule says `messages = \"any\"`".to_owned(),
        "no_history" => rule("history_count = 1000"),
        "too_many_topics" => "fewer --topics, or a server with a larger --topics-max".to_owned(),
        "404" | "426" => "is it Ringwire, with its topics at /topics/NAME? Where a server sends to all what one sends, --transports=broadcast \
                  and its path are the way"
            .to_owned(),
        PUBLISHER => "publications go by ringwire.v1, to /connect; a server that sends to all what one sends has \
                      --transports=broadcast and a path"
            .to_owned(),
        _ => String::new(),
    };
    let code = if code == PUBLISHER { String::new() } else { format!("the server refuses ({code}): ") };
    let end = if mend.is_empty() { String::new() } else { format!("\n{mend}") };
    anyhow::anyhow!("{code}{message}{end}")
}

/// A pattern that all of them match: the name itself, or what stands before the numbers.
fn pattern(topics: &[String]) -> String {
    match topics {
        [one] => one.clone(),
        [first, ..] => first.rsplit_once('.').map_or(first.clone(), |(before, _)| format!("{before}.*")),
        [] => ">".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_which_lines_allow_it() {
        let text = |code: &str, message: &str, topics: &[&str]| {
            let topics: Vec<String> = topics.iter().map(|&topic| topic.to_owned()).collect();
            told(&Refusal { code: code.into(), message: message.into() }, &topics).to_string()
        };
        let error =
            text("not_allowed", "the rules of this server let no client publish to load.0", &["load.0", "load.1"]);
        assert!(error.contains("pattern = \"load.*\"\npublish = \"anyone\""), "{error}");
        let error = text("no_history", "load.0 has no history", &["load.0"]);
        assert!(error.contains("pattern = \"load.0\"\nhistory_count = 1000"), "{error}");
        assert_eq!(text("busy", "a queue is full", &["a"]), "the server refuses (busy): a queue is full");
    }
}
