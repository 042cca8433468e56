//! What is served at which path.
//!
//! The most specific route wins: an exact path, then the longest prefix, then the one for any path. So a page may stand
//! in the middle of a prefix, and the order in which routes were added does not matter.

use super::{OriginRules, Page, Refusal, Request, TopicsRoute};
use crate::proto::handshake::{Upgrade, is_token};

/// What is served at which path; immutable, shared by all connections of a shard.
#[derive(Clone, Debug)]
pub struct Routes {
    /// The most specific first.
    entries: Vec<Entry>,
    /// For those who ask for a WebSocket where there is none.
    no_websocket_here: String,
    topics: Option<TopicsRoute>,
}

/// Where a request goes.
#[derive(Clone, Debug)]
pub enum Routed<'r, 'q> {
    /// A valid opening handshake from an allowed origin.
    WebSocket {
        /// The route.
        route: &'r WebSocketRoute,
        /// What the client asks for.
        upgrade: Upgrade<'q>,
    },
    /// A GET or HEAD of a page.
    Page(&'r Page),
    /// A request for a topic that is no handshake.
    Topics(&'r TopicsRoute),
}

impl Routes {
    /// Nothing yet.
    pub fn builder() -> RoutesBuilder {
        RoutesBuilder { entries: Vec::new(), websocket_count: 0, topics: None }
    }

    /// The WebSocket routes in the order of their [`WebSocketRoute::index`].
    pub fn websockets(&self) -> Vec<&WebSocketRoute> {
        let mut routes: Vec<_> = self.entries.iter().filter_map(Entry::websocket).collect();
        routes.sort_by_key(|route| route.index);
        routes
    }

    /// The pages, in no particular order.
    pub fn pages(&self) -> impl Iterator<Item = &Page> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Page(page, _) => Some(page),
            Entry::WebSocket(_) => None,
        })
    }

    /// Where `request` goes.
    ///
    /// # Errors
    ///
    /// A [`Refusal`]: 307 to a page whose path is the requested one without its last `/`; 404 for an unknown path; 405 for a method that the path does not take; 426 for a request on a
    /// WebSocket path that does not ask for one, or for another version than 13; 400 for a malformed handshake, or one
    /// on a page's path; 403 for an origin that is not allowed.
    pub fn route<'q>(&self, request: &'q Request<'_>) -> Result<Routed<'_, 'q>, Refusal> {
        let entry = self.entries.iter().find(|entry| entry.pattern().matches(request.path()));
        if !matches!(entry, Some(Entry::Page(..)))
            && let Some(route) = self.topics.as_ref().filter(|route| route.takes(request))
        {
            return Ok(Routed::Topics(route));
        }
        let routed = match entry {
            Some(Entry::WebSocket(route)) => route.accept(request),
            Some(Entry::Page(page, _)) => self.serve(page, request),
            None if request.is_upgrade() => Err(Refusal::not_found().because(self.no_websocket_here.clone())),
            None => Err(self.without_slash(request).unwrap_or_else(Refusal::not_found)),
        };
        routed.map_err(|refusal| refusal.in_reply_to(request.method()))
    }

    /// A refusal as it is sent to who sent this head, whole or not.
    pub(crate) fn refusal(&self, head: &[u8], refusal: Refusal) -> Refusal {
        match &self.topics {
            Some(topics) => topics.refusal(head, refusal),
            None => refusal,
        }
    }

    /// Leads from `/about/` to the page `/about`: the slash is easily typed, and the page's relative links need it gone.
    fn without_slash(&self, request: &Request<'_>) -> Option<Refusal> {
        let path = request.path().strip_suffix('/')?;
        let page = self.pages().find(|page| page.path() == path)?;
        let query = request.query().map_or_else(String::new, |query| format!("?{query}"));
        Refusal::elsewhere(format!("{}{query}", page.path())).ok()
    }

    fn serve<'r>(&self, page: &'r Page, request: &Request<'_>) -> Result<Routed<'r, 'static>, Refusal> {
        if !matches!(request.method(), "GET" | "HEAD") {
            return Err(Refusal::method_not_allowed("GET, HEAD"));
        }
        if request.is_upgrade() {
            return Err(Refusal::bad_request(self.no_websocket_here.clone()));
        }
        Ok(Routed::Page(page))
    }
}

/// Collects routes; see [`Routes::builder`].
#[derive(Clone, Debug)]
pub struct RoutesBuilder {
    entries: Vec<Entry>,
    websocket_count: usize,
    topics: Option<TopicsRoute>,
}

impl RoutesBuilder {
    /// Adds a WebSocket route. Its [`WebSocketRoute::index`] is the number of those added before.
    pub fn websocket(mut self, route: WebSocketRoute) -> Self {
        self.entries.push(Entry::WebSocket(WebSocketRoute { index: self.websocket_count, ..route }));
        self.websocket_count += 1;
        self
    }

    /// Adds a page.
    pub fn page(mut self, page: Page) -> Self {
        let pattern = Pattern::Exactly(page.path().to_owned());
        self.entries.push(Entry::Page(page, pattern));
        self
    }

    /// Serves topics: Server-Sent Events, polls and latest messages. Handshakes below the same prefix are for WebSocket routes.
    pub fn topics(self, route: TopicsRoute) -> Self {
        Self { topics: Some(route), ..self }
    }

    /// The routes.
    ///
    /// # Errors
    ///
    /// [`RouteError::Repeated`] when two routes have the same path or prefix.
    pub fn build(self) -> Result<Routes, RouteError> {
        let mut entries = self.entries;
        let patterns: Vec<_> = entries.iter().filter_map(Entry::websocket).map(WebSocketRoute::pattern).collect();
        let no_websocket_here = if patterns.is_empty() {
            "no WebSocket is served on this port".to_owned()
        } else {
            format!("no WebSocket is served at this path; WebSocket paths are: {}", patterns.join(", "))
        };
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.pattern().specificity()));
        for (index, entry) in entries.iter().enumerate() {
            if entries[..index].iter().any(|other| other.pattern() == entry.pattern()) {
                return Err(RouteError::Repeated(entry.pattern().to_string()));
            }
        }
        Ok(Routes { entries, no_websocket_here, topics: self.topics })
    }
}

/// A route that speaks WebSocket.
#[derive(Clone, Debug)]
pub struct WebSocketRoute {
    pattern: Pattern,
    index: usize,
    protocols: Vec<String>,
    origins: OriginRules,
}

impl WebSocketRoute {
    /// A route for `pattern`: an exact path (`/chat`), all that starts with a prefix (`/topics/*`), or any path (`*`).
    /// It supports no subprotocol and allows any origin.
    ///
    /// # Errors
    ///
    /// [`RouteError::Path`] when the pattern is none of these.
    pub fn new(pattern: &str) -> Result<Self, RouteError> {
        let pattern = Pattern::parse(pattern).ok_or_else(|| RouteError::Path(pattern.to_owned()))?;
        Ok(Self { pattern, index: 0, protocols: Vec::new(), origins: OriginRules::any() })
    }

    /// Sets the subprotocols that it supports, the preferred one first.
    ///
    /// # Errors
    ///
    /// [`RouteError::Protocol`] when one is not a token.
    pub fn protocols<S: Into<String>>(self, names: impl IntoIterator<Item = S>) -> Result<Self, RouteError> {
        let protocols: Vec<String> = names.into_iter().map(Into::into).collect();
        match protocols.iter().find(|name| !is_token(name.as_bytes())) {
            Some(name) => Err(RouteError::Protocol(name.clone())),
            None => Ok(Self { protocols, ..self }),
        }
    }

    /// Sets the origins that it allows.
    pub fn origins(self, origins: OriginRules) -> Self {
        Self { origins, ..self }
    }

    /// How many WebSocket routes were added before this one: what a handler can tell routes apart by.
    pub fn index(&self) -> usize {
        self.index
    }

    /// The pattern, as it was given.
    pub fn pattern(&self) -> String {
        self.pattern.to_string()
    }

    /// What follows the prefix in `path`: `news` in `/topics/news` for `/topics/*`, all but the first `/` for `*`.
    /// `None` for an exact path, and for a path of another route.
    pub fn rest<'p>(&self, path: &'p str) -> Option<&'p str> {
        match &self.pattern {
            Pattern::Exactly(_) => None,
            Pattern::Below(prefix) => path.strip_prefix(prefix.as_str()),
            Pattern::Any => path.strip_prefix('/'),
        }
    }

    /// The subprotocols that it supports, the preferred one first.
    pub fn supported_protocols(&self) -> &[String] {
        &self.protocols
    }

    /// The subprotocol that the server prefers among those that `upgrade` offers.
    pub fn choose_protocol(&self, upgrade: &Upgrade<'_>) -> Option<&str> {
        upgrade.choose_protocol(&self.protocols)
    }

    fn accept<'r, 'q>(&'r self, request: &'q Request<'_>) -> Result<Routed<'r, 'q>, Refusal> {
        let upgrade = request.upgrade()?;
        // RFC6455-4.2.2-3
        if !self.origins.allows(request.origin(), request.host()) {
            return Err(Refusal::forbidden(
                "pages of this origin may not open a WebSocket here: the server's list of origins does not have it",
            ));
        }
        Ok(Routed::WebSocket { route: self, upgrade })
    }
}

/// What an operator or embedder got wrong about a route.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RouteError {
    /// Not a path or pattern.
    #[error(
        "'{0}' is no path to serve: write visible ASCII that starts with '/', without any of ?#*\"<>; for WebSockets \
         it may end with '/*', and '*' alone stands for any path"
    )]
    Path(String),
    /// Two routes for the same paths.
    #[error("there are two routes for '{0}'")]
    Repeated(String),
    /// A subprotocol that is not a token.
    #[error("'{0}' is no subprotocol: write letters, digits and any of !#$%&'*+-.^_`|~")]
    Protocol(String),
    /// A content type that may not stand in a header.
    #[error("'{0}' is no content type")]
    ContentType(String),
}

#[derive(Clone, Debug)]
enum Entry {
    WebSocket(WebSocketRoute),
    Page(Page, Pattern),
}

impl Entry {
    fn pattern(&self) -> &Pattern {
        match self {
            Self::WebSocket(route) => &route.pattern,
            Self::Page(_, pattern) => pattern,
        }
    }

    fn websocket(&self) -> Option<&WebSocketRoute> {
        match self {
            Self::WebSocket(route) => Some(route),
            Self::Page(..) => None,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Pattern {
    Exactly(String),
    /// A prefix that ends with `/`.
    Below(String),
    Any,
}

impl Pattern {
    fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::Any);
        }
        let (literal, is_prefix) = match text.strip_suffix('*') {
            Some(prefix) if prefix.ends_with('/') => (prefix, true),
            _ => (text, false),
        };
        if !is_servable(literal) {
            return None;
        }
        Some(if is_prefix { Self::Below(literal.to_owned()) } else { Self::Exactly(literal.to_owned()) })
    }

    fn matches(&self, path: &str) -> bool {
        match self {
            Self::Exactly(ours) => ours == path,
            Self::Below(prefix) => path.starts_with(prefix.as_str()),
            Self::Any => true,
        }
    }

    fn specificity(&self) -> usize {
        match self {
            Self::Exactly(_) => usize::MAX,
            Self::Below(prefix) => prefix.len(),
            Self::Any => 0,
        }
    }
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exactly(path) => f.write_str(path),
            Self::Below(prefix) => write!(f, "{prefix}*"),
            Self::Any => f.write_str("*"),
        }
    }
}

/// Whether requests can have this path.
pub(super) fn is_servable(path: &str) -> bool {
    path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#*\"<>".contains(&byte))
}

#[cfg(test)]
mod tests;
