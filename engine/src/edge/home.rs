//! What `/` says of this very node: where its console is and, where there are no demos, what there is instead.

use std::net::SocketAddr;

use crate::config::ValidConfig;

/// Stands in the page for where the console is.
const CONSOLE_MARK: &str = "<!-- console -->";

/// The overview with what it says of this node.
pub(super) fn page(config: &ValidConfig, html: &[u8]) -> Vec<u8> {
    let html = str::from_utf8(html).expect("our page is UTF-8");
    html.replace(CONSOLE_MARK, &Console::of(config).html()).into_bytes()
}

/// What a node without demos answers at `/`.
pub(super) fn plain(config: &ValidConfig) -> Vec<u8> {
    let console = Console::of(config).text();
    let text = format!(
        "This is a Ringwire node without demos (--demo=false), which have a page here otherwise.\n\n\
         /topics/NAME    one topic: a WebSocket, Server-Sent Events, polling; /topics/NAME/latest its last message\n\
         /connect        many topics on one WebSocket, with the subprotocol ringwire.v1\n\
         /ringwire.js    the client for a page\n\n\
         {console}\n"
    );
    text.into_bytes()
}

/// Where an operator finds the console.
enum Console {
    Nowhere,
    /// Which port, the system chooses.
    InTheLog,
    /// At this port of every address.
    Port(u16),
    At(SocketAddr),
}

impl Console {
    fn of(config: &ValidConfig) -> Self {
        match config.admin.listen {
            None => Self::Nowhere,
            Some(addr) if addr.port() == 0 => Self::InTheLog,
            Some(addr) if addr.ip().is_unspecified() => Self::Port(addr.port()),
            Some(addr) => Self::At(addr),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Nowhere => "This node has no admin interface, and so no console: --admin-listen gives it one.".into(),
            Self::InTheLog => {
                "The console of this node is at /console of the admin interface, whose address stands in its log."
                    .into()
            }
            Self::Port(port) => format!("The console of this node is at /console of port {port}."),
            Self::At(addr) if addr.ip().is_loopback() => {
                format!("The console of this node is at http://{addr}/console, on the node's own machine.")
            }
            Self::At(addr) => format!("The console of this node is at http://{addr}/console."),
        }
    }

    /// The same with a link, where the address is one.
    fn html(&self) -> String {
        let text = self.text().replace('\'', "’");
        let Self::At(addr) = self else { return text };
        let url = format!("http://{addr}/console");
        text.replace(&url, &format!("<a href=\"{url}\">{addr}/console</a>"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Admin, Config};

    fn said(listen: Option<&str>) -> (String, String) {
        let listen = listen.map(|addr| addr.parse().expect("an address"));
        let token = Some("0123456789abcdef".parse().expect("a token"));
        let admin = Admin { listen, token, ..Config::default().admin };
        let config = Config { admin, ..Config::default() }.validated().expect("good");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        (text(page(&config, include_bytes!("web/index.html"))), text(plain(&config)))
    }

    #[test]
    fn the_console_is_where_it_is() {
        for (listen, expected) in [
            (None, "has no admin interface"),
            (Some("127.0.0.1:0"), "stands in its log"),
            (Some("0.0.0.0:9152"), "/console of port 9152"),
            (Some("[::]:9152"), "/console of port 9152"),
            (Some("127.0.0.1:9152"), "127.0.0.1:9152/console"),
            (Some("[::1]:9152"), "[::1]:9152/console"),
            (Some("192.0.2.1:80"), "192.0.2.1:80/console"),
        ] {
            let (page, plain) = said(listen);
            assert!(page.contains(expected) && plain.contains(expected), "{expected}: {plain}");
            let link = listen.filter(|_| expected.contains("/console") && !expected.contains("port"));
            let href = link.map_or("href=\"http://".into(), |addr| format!("href=\"http://{addr}/console\""));
            assert_eq!(page.contains(&href), link.is_some(), "{expected}");
            assert!(!page.contains(CONSOLE_MARK) && !page.contains("9002"), "{expected}");
        }
    }
}
