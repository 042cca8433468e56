//! `/console`: a page that shows the node's rates, shards, topics and connections while they move. It asks the other endpoints.
//!
//! It loads without the token, which it asks for: a browser sends none with the request for a page.

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::middleware;
use axum::response::{IntoResponse, Redirect};
use axum::routing::get;

use super::api::{self, Api};
use super::auth;

const PATH: &str = "/console";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// The page's own files alone, because the page holds a token; and nobody's frame, because a page around it could have its visitor press
/// a button here.
const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
     base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
);

/// The icon has its style within, and browsers that hold an image to its policy would draw it without.
const ICON_POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'");

/// Path, content type, body.
const FILES: [(&str, &str, &[u8]); 7] = [
    (PATH, HTML, include_bytes!("../web/console.html")),
    ("/assets/console.js", JS, include_bytes!("../web/console.js")),
    ("/assets/chart.js", JS, include_bytes!("../web/chart.js")),
    ("/assets/metrics.js", JS, include_bytes!("../web/metrics.js")),
    ("/assets/site.css", CSS, include_bytes!("../web/site.css")),
    ("/assets/site.js", JS, include_bytes!("../web/site.js")),
    ("/favicon.svg", SVG, include_bytes!("../web/favicon.svg")),
];

/// The page and what it loads.
pub(super) fn router(api: Arc<Api>) -> Router<Arc<Api>> {
    let files = FILES.into_iter().fold(Router::new(), |router, (path, content_type, body)| {
        router.route(path, get(move || async move { file(content_type, body) }))
    });
    files
        .route("/", get(|| async { Redirect::temporary(PATH) }))
        .method_not_allowed_fallback(api::wrong_method)
        .layer(middleware::from_fn_with_state(api, auth::guard_page))
}

fn file(content_type: &'static str, body: &'static [u8]) -> impl IntoResponse {
    let policy = if content_type == SVG { ICON_POLICY } else { PAGE_POLICY };
    let fields = [
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    (fields, body)
}
