//! Where topics are served.

use super::Place;
use crate::http::routes::is_servable;
use crate::http::{OriginRules, Request, RouteError};
use crate::topic::name::NameLimits;

/// A route below which every topic has its path, such as `/topics/news.world`.
///
/// A port that has one answers with JSON whatever it refuses, the application's refusals too: `{"code":…,"message":…}`.
#[derive(Clone, Debug)]
pub struct TopicsRoute {
    /// With the `/` in front of a name.
    prefix: String,
    origins: OriginRules,
}

impl TopicsRoute {
    /// A route for what is below `path`, such as `/topics`. It allows any origin.
    ///
    /// # Errors
    ///
    /// [`RouteError::Path`] for what is no path, or ends with `/`.
    pub fn new(path: &str) -> Result<Self, RouteError> {
        if !is_servable(path) || path.ends_with('/') {
            return Err(RouteError::Path(path.to_owned()));
        }
        Ok(Self { prefix: format!("{path}/"), origins: OriginRules::any() })
    }

    /// Sets the origins of the pages that may read topics.
    pub fn origins(self, origins: OriginRules) -> Self {
        Self { origins, ..self }
    }

    pub(crate) fn takes(&self, request: &Request<'_>) -> bool {
        self.has(request.path()) && !request.is_upgrade()
    }

    /// Whether this is a topic's path.
    pub(super) fn has(&self, path: &str) -> bool {
        path.starts_with(&self.prefix)
    }

    pub(super) fn allows(&self, origin: &str, host: &str) -> bool {
        self.origins.allows(Some(origin), host)
    }

    pub(crate) fn place(&self, names: NameLimits) -> Place<'_> {
        Place { prefix: &self.prefix, names, origins: &self.origins }
    }
}
