//! `/healthz`: do the shards turn? `/readyz`: should connections be sent here?

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::Phase;
use super::api::Api;
use super::error::ApiError;
use super::journal;
use super::shards::{Said, answers};
use crate::server::ShardHandle;

/// 200 when every shard answers in time; in a shutdown some may have ended.
pub(super) async fn healthz(State(api): State<Arc<Api>>) -> Result<Json<Value>, ApiError> {
    let server = api.server()?;
    let answers = answers(server.shards().map(ShardHandle::ping)).await;
    let those =
        |said: &Said<()>| (0..).zip(&answers).filter(|(_, found)| *found == said).map(|(shard, _)| shard).collect();
    let (silent, ended): (Vec<usize>, Vec<usize>) = (those(&Said::Nothing), those(&Said::Ended));
    if !silent.is_empty() {
        return Err(ApiError::silent(&silent));
    }
    if !ended.is_empty() && matches!(api.phase(), Phase::Running(_)) {
        return Err(ApiError::ended(&ended));
    }
    let mut health = json!({ "status": "ok", "shards": answers.len() - ended.len() });
    if let Some(status) = &api.journal {
        health["journal"] = journal::health(status);
    }
    Ok(Json(health))
}

/// 200 from the start of the last shard to the beginning of a shutdown.
pub(super) async fn readyz(State(api): State<Arc<Api>>) -> Result<Json<Value>, ApiError> {
    match api.phase() {
        Phase::Running(_) => Ok(Json(json!({ "status": "ready" }))),
        Phase::Starting => Err(ApiError::starting()),
        Phase::Draining(_) => Err(ApiError::draining()),
        Phase::Stopped => Err(ApiError::stopped()),
    }
}
