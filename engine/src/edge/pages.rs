//! The built-in pages, embedded: plain HTML, CSS and JS from `web/`.

use crate::http::{Page, RouteError};

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
/// Browsers do not run it, and editors take it as text.
const TS: &str = "text/plain; charset=utf-8";
const SVG: &str = "image/svg+xml";

macro_rules! pages {
    ($($path:literal $content_type:ident $file:literal)*) => {
        /// Path, content type, body.
        const PAGES: &[(&str, &str, &[u8])] = &[$(($path, $content_type, include_bytes!(concat!("web/", $file)))),*];
    };
}

pages! {
    "/"                  HTML "index.html"
    "/demo/echo"         HTML "echo.html"
    "/demo/chat"         HTML "chat.html"
    "/assets/site.css"   CSS  "site.css"
    "/assets/site.js"    JS   "site.js"
    "/assets/index.js"   JS   "index.js"
    "/assets/echo.js"    JS   "echo.js"
    "/assets/drawing.js" JS   "drawing.js"
    "/assets/chat.js"    JS   "chat.js"
    "/ringwire.js"       JS   "ringwire.js"
    "/ringwire.d.ts"     TS   "ringwire.d.ts"
    "/favicon.svg"       SVG  "favicon.svg"
}

/// All of them.
///
/// # Errors
/// None in practice: the table above is fixed.
pub(super) fn all() -> Result<Vec<Page>, RouteError> {
    PAGES.iter().map(|&(path, content_type, body)| Page::new(path, content_type, body)).collect()
}
