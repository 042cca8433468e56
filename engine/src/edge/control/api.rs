//! The admin interface's endpoints, and what all of them know.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{Method, StatusCode, Uri};
use axum::middleware;
use axum::routing::{get, post};
use tokio::sync::{Semaphore, SemaphorePermit, watch};

use super::auth::Guard;
use super::error::ApiError;
use super::shards::ANSWER_TIMEOUT;
use super::{Phase, auth, connections, console, health, metrics, topics};
use crate::config::ValidConfig;
use crate::config::text::print_duration;
use crate::edge::journal::JournalStatus;
use crate::server::ServerHandle;
use crate::topic::name::NameLimits;

const ENDPOINTS: &str = "GET /healthz, /readyz, /metrics, /console; GET and POST /topics, POST /topics/{name}; GET /connections; GET, \
                         POST and DELETE /connections/{id}";

/// A durable publication is not waited for longer than this, however seldom the journal is synced.
const SYNC_PATIENCE: Duration = Duration::from_secs(30);

/// A batch, whose messages are as large as any others, may be as large as this in any case.
const BATCH_BYTES_MAX: usize = 16 << 20;

/// Batches whose bodies are held at the same time.
const BATCHES_MAX: usize = 4;

/// What endpoints know.
#[derive(Debug)]
pub(super) struct Api {
    phase: watch::Receiver<Phase>,
    pub(super) guard: Guard,
    pub(super) body_bytes_max: usize,
    /// From the request head to the end of its body.
    pub(super) body_timeout: Duration,
    /// From a durable publication to its answer.
    pub(super) durable_timeout: Duration,
    pub(super) names: NameLimits,
    batches: Semaphore,
    /// How the journal is, if there is one.
    pub(super) journal: Option<JournalStatus>,
}

impl Api {
    pub(super) fn new(
        config: &ValidConfig,
        guard: Guard,
        phase: watch::Receiver<Phase>,
        journal: Option<JournalStatus>,
    ) -> Self {
        Self {
            phase,
            guard,
            body_bytes_max: config.message_bytes_max,
            body_timeout: config.handshake_timeout,
            durable_timeout: ANSWER_TIMEOUT + config.journal.fsync.delay().unwrap_or_default().min(SYNC_PATIENCE),
            names: NameLimits::new(config),
            batches: Semaphore::new(BATCHES_MAX),
            journal,
        }
    }

    /// Bytes of a batch's body: enough for some messages of the largest size, however they are escaped.
    pub(super) fn batch_bytes_max(&self) -> usize {
        BATCH_BYTES_MAX.max(self.body_bytes_max.saturating_mul(2))
    }

    /// Waits until a batch may be read, for as long as reading it may take.
    pub(super) async fn batch_place(&self) -> Result<SemaphorePermit<'_>, ApiError> {
        let busy = || {
            let limit = print_duration(self.body_timeout);
            let message = format!("{BATCHES_MAX} batches are being read, and none was done within {limit}: try again");
            ApiError::unavailable("busy", message)
        };
        let place = tokio::time::timeout(self.body_timeout, self.batches.acquire()).await.map_err(|_| busy())?;
        Ok(place.expect("the semaphore is never closed"))
    }

    /// Where the node stands.
    pub(super) fn phase(&self) -> Phase {
        self.phase.borrow().clone()
    }

    /// The shards, as long as there are any.
    pub(super) fn server(&self) -> Result<ServerHandle, ApiError> {
        match self.phase() {
            Phase::Running(server) | Phase::Draining(server) => Ok(server),
            Phase::Starting => Err(ApiError::starting()),
            Phase::Stopped => Err(ApiError::stopped()),
        }
    }
}

/// All endpoints, behind the guard.
pub(super) fn router(api: Arc<Api>) -> Router {
    Router::new()
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(metrics::metrics))
        .route("/topics", get(topics::list).post(topics::publish_batch))
        .route("/topics/{name}", post(topics::publish))
        .route("/connections", get(connections::list))
        .route("/connections/{id}", get(connections::inspect).post(connections::send).delete(connections::close))
        .method_not_allowed_fallback(wrong_method)
        .fallback(not_found)
        .layer(middleware::from_fn_with_state(Arc::clone(&api), auth::guard))
        .merge(console::router(Arc::clone(&api)))
        .with_state(api)
}

async fn not_found(uri: Uri) -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "not_found", format!("there is no {}; there are: {ENDPOINTS}", uri.path()))
}

pub(super) async fn wrong_method(method: Method, uri: Uri) -> ApiError {
    let message = format!("{} does not take {method}; there are: {ENDPOINTS}", uri.path());
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
}
