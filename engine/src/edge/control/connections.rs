//! `/connections`: which there are, one of them in detail, sending to it, closing it.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::api::Api;
use super::ask::Ask;
use super::body::{self, Kind};
use super::error::ApiError;
use super::shards::{answer, answer_unless_ended};
use super::topics::page_limit;
use crate::conn::ConnId;
use crate::handler::{ReadyState, SendStatus};
use crate::http::WebSocketRoute;
use crate::proto::{CloseCode, CloseFrame};
use crate::server::ServerHandle;
use crate::shard::command::{ConnDetail, ConnFilter, ConnInfo, ConnQuery};
use crate::topic::name::{Interest, NameLimits};

/// Connections of one page.
const PAGE_COUNT_MAX: usize = 1000;

/// Slots of a shard that are looked at between two of its turns.
const SLOTS_PER_TURN: u32 = 16 * 1024;

const REASON_BYTES_MAX: usize = CloseFrame::REASON_BYTES_MAX;

type Found = Result<Json<Value>, ApiError>;

/// The query of `GET /connections`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    limit: Option<usize>,
    after: Option<String>,
    path: Option<String>,
    topic: Option<Box<str>>,
    state: Option<Wanted>,
    transport: Option<Transport>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum Wanted {
    Open,
    Closing,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Transport {
    Websocket,
    Events,
}

/// `GET /connections`: in the order of shards and slots, which new connections and closed ones do not disturb.
pub(super) async fn list(State(api): State<Arc<Api>>, Ask(page): Ask<Page>) -> Found {
    let limit = page_limit(page.limit, PAGE_COUNT_MAX)?;
    let after = page.after.as_deref().map(str::parse).transpose()?;
    let server = api.server()?;
    let paths = paths(&server);
    let filter = Arc::new(page.filter(&paths, api.names)?);
    // One more tells whether there is a next page.
    let mut found = first_connections(&server, after, limit + 1, &filter).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|info| info.id.to_string());
    let shown: Vec<_> = found.iter().map(|info| shown(&paths, info)).collect();
    Ok(Json(json!({ "connections": shown, "next": next })))
}

impl Page {
    fn filter(self, paths: &[String], names: NameLimits) -> Result<ConnFilter, ApiError> {
        if let Some(topic) = &self.topic {
            Interest::parse(topic, names)?;
        }
        let index = |path: String| {
            paths.iter().position(|known| *known == path).ok_or_else(|| {
                let message = format!("no WebSocket is served at `{path}`; paths are: {}", paths.join(", "));
                ApiError::bad_request("unknown_path", message)
            })
        };
        let ready_state = self.state.map(|state| match state {
            Wanted::Open => ReadyState::Open,
            Wanted::Closing => ReadyState::Closing,
        });
        let is_stream = self.transport.map(|transport| transport == Transport::Events);
        Ok(ConnFilter { route: self.path.map(index).transpose()?, topic: self.topic, ready_state, is_stream })
    }
}

/// The first `count` connections behind `after`.
async fn first_connections(
    server: &ServerHandle,
    after: Option<ConnId>,
    count: usize,
    filter: &Arc<ConnFilter>,
) -> Result<Vec<ConnInfo>, ApiError> {
    let mut found = Vec::new();
    let (first_shard, mut from) = after.map_or((0, 0), |id| (id.shard(), id.slot + 1));
    for shard in server.shards().skip(first_shard) {
        let mut next = Some(from);
        while let Some(from) = next.filter(|_| found.len() < count) {
            let query = ConnQuery {
                from,
                slots_max: SLOTS_PER_TURN,
                count_max: count - found.len(),
                filter: Arc::clone(filter),
            };
            let Some(page) = answer_unless_ended(shard.connections(query)).await? else { break };
            found.extend(page.conns);
            next = page.next;
        }
        from = 0;
    }
    Ok(found)
}

/// `GET /connections/{id}`
pub(super) async fn inspect(State(api): State<Arc<Api>>, id: Result<Path<String>, PathRejection>) -> Found {
    let id: ConnId = id?.parse()?;
    let server = api.server()?;
    let detail = answer(server.shard_of(id)?.connection(id)).await?.ok_or_else(ApiError::no_such_connection)?;
    Ok(Json(shown_in_detail(&paths(&server), &detail)))
}

/// `POST /connections/{id}`: sends the body.
pub(super) async fn send(
    State(api): State<Arc<Api>>,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Found {
    let id: ConnId = id?.parse()?;
    let kind = Kind::of(&headers)?;
    let bytes = body::read(&api, body).await?;
    let server = api.server()?;
    match answer(server.shard_of(id)?.send(id, kind.message(&bytes)?)).await? {
        Some(SendStatus::Queued) => Ok(Json(json!({ "id": id.to_string(), "status": "queued" }))),
        Some(SendStatus::Backpressure) => Ok(Json(json!({ "id": id.to_string(), "status": "backpressure" }))),
        Some(SendStatus::Dropped) => Err(ApiError::new(
            StatusCode::CONFLICT,
            "dropped",
            "the connection's send queue is full: its peer reads too slowly",
        )),
        None => Err(unreached(&server, id).await?),
    }
}

/// Why nothing could be sent to this id.
async fn unreached(server: &ServerHandle, id: ConnId) -> Result<ApiError, ApiError> {
    let detail = answer(server.shard_of(id)?.connection(id)).await?;
    let is_stream = detail.is_some_and(|detail| detail.info.is_stream);
    Ok(if is_stream { ApiError::only_events() } else { ApiError::no_such_connection() })
}

/// The query of `DELETE /connections/{id}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Close {
    code: Option<u16>,
    #[serde(default)]
    reason: String,
}

/// `DELETE /connections/{id}`: begins the closing handshake.
pub(super) async fn close(
    State(api): State<Arc<Api>>,
    id: Result<Path<String>, PathRejection>,
    Ask(Close { code, reason }): Ask<Close>,
) -> Found {
    let id: ConnId = id?.parse()?;
    let code = code.map_or(CloseCode::NORMAL, CloseCode);
    if reason.len() > REASON_BYTES_MAX {
        let message =
            format!("a reason has at most {REASON_BYTES_MAX} bytes (RFC 6455 §5.5), this one has {}", reason.len());
        return Err(ApiError::bad_request("reason_too_long", message));
    }
    let server = api.server()?;
    if !answer(server.shard_of(id)?.close(id, code, &reason)).await? {
        return Err(ApiError::no_such_connection());
    }
    Ok(Json(json!({ "id": id.to_string(), "code": code.0, "reason": reason })))
}

/// Patterns of the WebSocket routes, by index.
fn paths(server: &ServerHandle) -> Vec<String> {
    server.routes().websockets().into_iter().map(WebSocketRoute::pattern).collect()
}

fn shown(paths: &[String], info: &ConnInfo) -> Value {
    json!({
        "id": info.id.to_string(),
        "shard": info.id.shard(),
        "remote_addr": info.remote_addr.to_string(),
        "path": if info.is_stream { Some("/topics/*") } else { paths.get(info.route).map(String::as_str) },
        "transport": if info.is_stream { "events" } else { "websocket" },
        "state": if info.ready_state == ReadyState::Open { "open" } else { "closing" },
        "queued_bytes": info.queued_bytes,
        "subscription_count": info.subscription_count,
    })
}

fn shown_in_detail(paths: &[String], detail: &ConnDetail) -> Value {
    let mut value = shown(paths, &detail.info);
    value["protocol"] = json!(detail.protocol);
    value["silent_ms"] = json!(detail.silence.as_millis() as u64);
    value["held"] = json!(detail.is_held);
    value["behind"] = json!(detail.behind_count);
    value["dropped"] = json!(detail.lost_count);
    value["topics"] = json!(detail.topics);
    value
}
