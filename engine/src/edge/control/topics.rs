//! `/topics`: which there are, and publishing to them.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::api::Api;
use super::body::{self, Kind};
use super::error::ApiError;
use super::shards::answer_unless_ended;
use crate::proto::Message;
use crate::server::{ServerHandle, ShardHandle};
use crate::shard::command::TopicQuery;
use crate::topic::name::check_name;

/// Messages of one batch.
const BATCH_COUNT_MAX: usize = 1000;

/// Topics of one page.
const PAGE_COUNT_MAX: usize = 1000;

/// Places of a shard's table that are looked at between two of its turns.
const PLACES_PER_TURN: u32 = 1024;

type Found<T> = Result<Json<T>, ApiError>;

/// `POST /topics/{name}`: publishes the body.
pub(super) async fn publish(
    State(api): State<Arc<Api>>,
    name: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Found<Value> {
    let Path(name) = name?;
    check_name(&name, api.names)?;
    let kind = Kind::of(&headers)?;
    let bytes = body::read(&api, body).await?;
    api.server()?.publish(&name, kind.message(&bytes)?)?;
    Ok(Json(published(&name)))
}

/// A message of a batch; `data` is text, `data64` binary.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Item {
    topic: String,
    data: Option<String>,
    data64: Option<String>,
}

/// `POST /topics`: publishes several messages, in order, each with a result of its own.
pub(super) async fn publish_batch(State(api): State<Arc<Api>>, headers: HeaderMap, body: Body) -> Found<Value> {
    const HELP: &str =
        "send a JSON array such as [{\"topic\":\"a.b\",\"data\":\"text\"},{\"topic\":\"c\",\"data64\":\"AAE=\"}]";
    let is_json = headers.get(header::CONTENT_TYPE).is_some_and(|typed| {
        typed
            .as_bytes()
            .split(|&byte| byte == b';')
            .next()
            .unwrap_or_default()
            .eq_ignore_ascii_case(b"application/json")
    });
    if !is_json {
        let message = format!("a batch has the Content-Type application/json: {HELP}");
        return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_content_type", message));
    }
    let bytes = body::read(&api, body).await?;
    let items: Vec<Item> = serde_json::from_slice(&bytes)
        .map_err(|error| ApiError::bad_request("invalid_json", format!("{error}; {HELP}")))?;
    if items.len() > BATCH_COUNT_MAX {
        let message = format!("a batch has at most {BATCH_COUNT_MAX} messages, this one has {}", items.len());
        return Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "batch_too_large", message));
    }
    let server = api.server()?;
    let results = items.iter().map(|item| {
        let outcome = item.publish(&server);
        outcome.map_or_else(|error| json!({ "topic": item.topic, "error": error }), |()| published(&item.topic))
    });
    Ok(Json(json!({ "results": results.collect::<Vec<_>>() })))
}

impl Item {
    fn publish(&self, server: &ServerHandle) -> Result<(), ApiError> {
        match (&self.data, &self.data64) {
            (Some(text), None) => Ok(server.publish(&self.topic, text.as_str())?),
            (None, Some(data)) => {
                let bytes = STANDARD.decode(data);
                let bytes =
                    bytes.map_err(|error| ApiError::bad_request("invalid_base64", format!("data64: {error}")))?;
                Ok(server.publish(&self.topic, Message::from(&*bytes))?)
            }
            _ => Err(ApiError::bad_request(
                "invalid_item",
                "a message has either `data`, a text, or `data64`, bytes in base64",
            )),
        }
    }
}

/// What a publisher hears. A topic that keeps no history has no positions.
fn published(topic: &str) -> Value {
    json!({ "topic": topic, "position": null })
}

/// The query of `GET /topics`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    limit: Option<usize>,
    after: Option<String>,
}

/// `GET /topics`: names and patterns in the order of their bytes, with subscribers summed over the shards.
pub(super) async fn list(State(api): State<Arc<Api>>, page: Result<Query<Page>, QueryRejection>) -> Found<Value> {
    let Query(Page { limit, after }) = page?;
    let limit = page_limit(limit, PAGE_COUNT_MAX)?;
    let after: Arc<str> = after.unwrap_or_default().into();
    let server = api.server()?;
    let mut sums = BTreeMap::<Box<str>, Subscribed>::new();
    for shard in server.shards() {
        // A name of the page is among the first so many of every shard that has it.
        for (name, found) in first_topics(shard, &after, limit + 1).await? {
            sums.entry(name).and_modify(|sum| sum.count += found.count).or_insert(found);
        }
    }
    let more = sums.len() > limit;
    let topics: Vec<_> = sums.iter().take(limit).collect();
    let next = topics.last().filter(|_| more).map(|(name, _)| name);
    let shown = topics
        .iter()
        .map(|(name, sum)| json!({ "name": name, "is_pattern": sum.is_pattern, "subscribers": sum.count }));
    Ok(Json(json!({ "topics": shown.collect::<Vec<_>>(), "next": next })))
}

/// Who subscribed to a name or pattern.
struct Subscribed {
    is_pattern: bool,
    count: usize,
}

/// A shard's first `count` topics behind `after`, with their subscribers.
async fn first_topics(
    shard: ShardHandle<'_>,
    after: &Arc<str>,
    count: usize,
) -> Result<BTreeMap<Box<str>, Subscribed>, ApiError> {
    let mut first = BTreeMap::new();
    let mut next = Some(0);
    while let Some(from) = next {
        let query = TopicQuery { from, places_max: PLACES_PER_TURN, after: Arc::clone(after) };
        let Some(page) = answer_unless_ended(shard.topics(query)).await? else { break };
        first.extend(
            page.topics
                .into_iter()
                .map(|topic| (topic.name, Subscribed { is_pattern: topic.is_pattern, count: topic.subscriber_count })),
        );
        while first.len() > count {
            first.pop_last();
        }
        next = page.next;
    }
    Ok(first)
}

/// Entries of a page: 100 unless the query says otherwise.
pub(super) fn page_limit(typed: Option<usize>, most: usize) -> Result<usize, ApiError> {
    let limit = typed.unwrap_or(100);
    if (1..=most).contains(&limit) {
        return Ok(limit);
    }
    Err(ApiError::bad_request("invalid_query", format!("limit = {limit} is out of range: allowed is 1 to {most}")))
}
