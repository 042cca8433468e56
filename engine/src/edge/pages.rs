//! The built-in pages, embedded: plain HTML, CSS and JS from `web/`.

use super::home;
use crate::config::ValidConfig;
use crate::http::{Page, RouteError};

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
/// Browsers do not run it, and editors take it as text.
const TS: &str = "text/plain; charset=utf-8";
const SVG: &str = "image/svg+xml";
const TEXT: &str = "text/plain; charset=utf-8";

macro_rules! pages {
    ($($path:literal $content_type:ident $file:literal)*) => {
        /// Path, content type, body.
        const PAGES: &[(&str, &str, &[u8])] = &[$(($path, $content_type, include_bytes!(concat!("web/", $file)))),*];
    };
}

pages! {
    "/"                  HTML "index.html"
    "/flipbook"          HTML "flipbook.html"
    "/demo/echo"         HTML "echo.html"
    "/demo/chat"         HTML "chat.html"
    "/demo/ticker"       HTML "ticker.html"
    "/assets/site.css"   CSS  "site.css"
    "/assets/site.js"    JS   "site.js"
    "/assets/index.js"   JS   "index.js"
    "/assets/flipbook.css" CSS "flipbook.css"
    "/assets/flipbook.js" JS  "flipbook.js"
    "/assets/panel.js"   JS   "panel.js"
    "/assets/feeds.js"   JS   "feeds.js"
    "/assets/lateness.js" JS  "lateness.js"
    "/assets/nodeclock.js" JS "nodeclock.js"
    "/assets/horse.js"   JS   "horse.js"
    "/assets/sketch.js"  JS   "sketch.js"
    "/assets/studio.js"  JS   "studio.js"
    "/assets/wantedrate.js" JS "wantedrate.js"
    "/assets/echo.js"    JS   "echo.js"
    "/assets/drawing.js" JS   "drawing.js"
    "/assets/chat.js"    JS   "chat.js"
    "/assets/ticker.js"  JS   "ticker.js"
    "/assets/reader.js"  JS   "reader.js"
    "/assets/board.js"   JS   "board.js"
    "/ringwire.js"       JS   "ringwire.js"
    "/ringwire.d.ts"     TS   "ringwire.d.ts"
    "/favicon.svg"       SVG  "favicon.svg"
}

/// What is there without the demos: the client of the topics.
const CLIENT: &str = "/ringwire.";

/// What says something of this very node.
const HOME: &str = "/";

/// All of them, or those that are no demos and a few lines in place of the overview.
///
/// # Errors
/// None in practice: the table above is fixed.
pub(super) fn all(config: &ValidConfig) -> Result<Vec<Page>, RouteError> {
    let served = PAGES.iter().filter(|(path, ..)| config.demo || path.starts_with(CLIENT));
    let pages = served.map(|&(path, content_type, body)| match path {
        HOME => Page::new(path, content_type, home::page(config, body)),
        _ => Page::new(path, content_type, body),
    });
    let plain = (!config.demo).then(|| Page::new(HOME, TEXT, home::plain(config)));
    pages.chain(plain).collect()
}
