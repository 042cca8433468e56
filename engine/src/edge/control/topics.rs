//! `/topics`: which there are, and publishing to them.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::api::Api;
use super::ask::Ask;
use super::body::{self, Kind};
use super::error::ApiError;
use super::shards::{ANSWER_TIMEOUT, answer_by, answer_unless_ended};
use crate::config::text::print_bytes;
use crate::metrics::Losses;
use crate::proto::Message;
use crate::server::{Answer, ServerHandle, ShardHandle};
use crate::shard::command::{HistoryInfo, HistoryQuery, TopicQuery};
use crate::topic::format::from_base64;
use crate::topic::history::Position;
use crate::topic::name::check_name;
use crate::topic::parcel::Published;

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
    Ask(wish): Ask<Wish>,
    headers: HeaderMap,
    body: Body,
) -> Found<Value> {
    let no_name = |_| ApiError::bad_request("bad_topic", "a topic's name must be percent-encoded UTF-8");
    let Path(name) = name.map_err(no_name)?;
    check_name(&name, api.names)?;
    let kind = Kind::of(&headers)?;
    let bytes = body::read(&api, body).await?;
    let asked = ask_to_publish(&api.server()?, &name, kind.message(&bytes)?, wish.durable)?;
    let position = asked.position(&api, Instant::now()).await?;
    Ok(Json(published(&name, position)))
}

/// The query of a publication.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wish {
    #[serde(default)]
    durable: bool,
}

/// A message of a batch; `data` is text, `data64` binary.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Item {
    topic: String,
    data: Option<String>,
    data64: Option<String>,
    #[serde(default)]
    durable: bool,
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
    let _place = api.batch_place().await?;
    let bytes = body::read_to(&api, body, api.batch_bytes_max(), "the bound of a batch").await?;
    let items: Vec<Item> = serde_json::from_slice(&bytes).map_err(|error| ApiError::from(error).and(HELP))?;
    drop(bytes);
    if items.len() > BATCH_COUNT_MAX {
        let message = format!("a batch has at most {BATCH_COUNT_MAX} messages, this one has {}", items.len());
        return Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message));
    }
    let server = api.server()?;
    // All are on their way, in order, before the first is awaited.
    let asked: Vec<_> = items.iter().map(|item| item.publish(&api, &server)).collect();
    let begin = Instant::now();
    let mut results = Vec::with_capacity(items.len());
    for (Item { topic, .. }, asked) in items.iter().zip(asked) {
        let outcome = match asked {
            Ok(asked) => asked.position(&api, begin).await,
            Err(error) => Err(error),
        };
        let refused = |error: ApiError| json!({ "topic": topic, "error": error.to_json() });
        results.push(outcome.map_or_else(refused, |position| published(topic, position)));
    }
    Ok(Json(json!({ "results": results })))
}

impl Item {
    fn publish(&self, api: &Api, server: &ServerHandle) -> Result<Asked, ApiError> {
        let decoded;
        let message = match (&self.data, &self.data64) {
            (Some(text), None) => Message::from(text.as_str()),
            (None, Some(data)) => {
                decoded = from_base64(data).map_err(|wrong| ApiError::bad_request("bad_request", wrong))?;
                Message::from(&*decoded)
            }
            _ => {
                let why = "a message has either `data`, a text, or `data64`, bytes in base64";
                return Err(ApiError::bad_request("bad_request", why));
            }
        };
        if message.as_bytes().len() > api.body_bytes_max {
            let why = format!("a message has at most {} (`message_bytes_max`)", print_bytes(api.body_bytes_max));
            return Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", why));
        }
        ask_to_publish(server, &self.topic, message, self.durable)
    }
}

/// What becomes of a message, on its way.
struct Asked {
    answer: Answer<Published>,
    durable: bool,
}

/// Publishes a message that the topic's rules allow. Who may publish does not matter: this is the server's own side.
fn ask_to_publish(server: &ServerHandle, topic: &str, message: Message<'_>, durable: bool) -> Result<Asked, ApiError> {
    if !server.takes(topic, message)? {
        let (has, takes) = match message {
            Message::Text(_) => ("text", "binary"),
            Message::Binary(_) => ("binary", "text"),
        };
        let text = format!("this is a {has} message, and {topic} takes {takes} ones (`messages` of its rule)");
        return Err(ApiError::bad_request("wrong_message_type", text));
    }
    let answer = match durable {
        true => server.publish_durably(topic, message)?,
        false => server.publish_acknowledged(topic, message)?,
    };
    Ok(Asked { answer, durable })
}

impl Asked {
    /// Where the message is in its topic.
    async fn position(self, api: &Api, begin: Instant) -> Result<Option<Position>, ApiError> {
        let patience = if self.durable { api.durable_timeout } else { ANSWER_TIMEOUT };
        let answer = match answer_by(begin + patience, self.answer).await {
            Err(_) if self.durable => return Err(ApiError::not_yet_durable(patience)),
            answer => answer?,
        };
        Ok(answer.ok_or_else(ApiError::stopped)??)
    }
}

/// What a publisher hears. A topic that keeps no history has no positions.
fn published(topic: &str, position: Option<Position>) -> Value {
    json!({ "topic": topic, "position": position.as_ref().map(Position::to_string) })
}

/// The query of `GET /topics`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    limit: Option<usize>,
    after: Option<String>,
}

/// `GET /topics`: names and patterns in the order of their bytes, with subscribers summed over the shards.
pub(super) async fn list(State(api): State<Arc<Api>>, Ask(Page { limit, after }): Ask<Page>) -> Found<Value> {
    let limit = page_limit(limit, PAGE_COUNT_MAX)?;
    let after: Arc<str> = after.unwrap_or_default().into();
    let server = api.server()?;
    let mut found = BTreeMap::<Box<str>, Listed>::new();
    // A name of the page is among the first so many of everything that has it.
    for shard in server.shards() {
        for (name, listed) in first_topics(shard, &after, limit + 1).await? {
            let sum = found.entry(name).or_default();
            sum.is_pattern = listed.is_pattern;
            sum.subscriber_count += listed.subscriber_count;
            sum.losses += listed.losses;
        }
    }
    for history in first_histories(&server, &after, limit + 1).await? {
        let listed = found.entry(history.name.as_ref().into()).or_default();
        listed.history = Some(history);
    }
    let more = found.len() > limit;
    let topics: Vec<_> = found.iter().take(limit).collect();
    let next = topics.last().filter(|_| more).map(|(name, _)| name);
    let shown: Vec<_> = topics.iter().map(|(name, listed)| listed.show(name)).collect();
    Ok(Json(json!({ "topics": shown, "next": next })))
}

/// What is told of a name or pattern.
#[derive(Default)]
struct Listed {
    is_pattern: bool,
    subscriber_count: usize,
    losses: Losses,
    history: Option<HistoryInfo>,
}

impl Listed {
    fn show(&self, name: &str) -> Value {
        let history = self.history.as_ref().map(|history| {
            let position = history.position.to_string();
            json!({ "position": position, "messages": history.message_count, "bytes": history.bytes })
        });
        let Self { is_pattern, subscriber_count, losses, .. } = self;
        let dropped: BTreeMap<_, _> = losses.by_cause().into_iter().filter(|(_, count)| *count > 0).collect();
        json!({
            "name": name,
            "is_pattern": is_pattern,
            "subscribers": subscriber_count,
            "dropped": dropped,
            "history": history,
        })
    }
}

/// A shard's first `count` topics behind `after`, with their subscribers.
async fn first_topics(
    shard: ShardHandle<'_>,
    after: &Arc<str>,
    count: usize,
) -> Result<BTreeMap<Box<str>, Listed>, ApiError> {
    let mut first = BTreeMap::new();
    let mut next = Some(0);
    while let Some(from) = next {
        let query = TopicQuery { from, places_max: PLACES_PER_TURN, after: Arc::clone(after) };
        let Some(page) = answer_unless_ended(shard.topics(query)).await? else { break };
        for topic in page.topics {
            // Once for each way in which subscribers get it.
            let listed: &mut Listed = first.entry(topic.name).or_default();
            listed.is_pattern = topic.is_pattern;
            listed.subscriber_count += topic.subscriber_count;
            listed.losses += topic.losses;
        }
        while first.len() > count {
            first.pop_last();
        }
        next = page.next;
    }
    Ok(first)
}

/// The first `count_max` topics with history behind `after`. Every shard knows all of them: the first that runs is asked.
async fn first_histories(
    server: &ServerHandle,
    after: &Arc<str>,
    count_max: usize,
) -> Result<Vec<HistoryInfo>, ApiError> {
    for shard in server.shards() {
        let query = HistoryQuery { after: Arc::clone(after), count_max };
        if let Some(histories) = answer_unless_ended(shard.histories(query)).await? {
            return Ok(histories);
        }
    }
    Ok(Vec::new())
}

/// Entries of a page: 100 unless the query says otherwise.
pub(super) fn page_limit(typed: Option<usize>, most: usize) -> Result<usize, ApiError> {
    let limit = typed.unwrap_or(100);
    if (1..=most).contains(&limit) {
        return Ok(limit);
    }
    Err(ApiError::bad_request("bad_request", format!("limit = {limit} is out of range: allowed is 1 to {most}")))
}
