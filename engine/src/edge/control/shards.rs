//! Awaits what shards say, for so long and no longer.

use std::future::IntoFuture;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::error::ApiError;
use crate::server::{Answer, CommandError};

/// A shard answers within a turn, which takes milliseconds at worst: one that takes this long is stuck.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// What a shard says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said<T> {
    Answer(T),
    /// It ended, as it does in a shutdown when its last connection is gone.
    Ended,
    Nothing,
}

/// What one shard says.
pub(super) async fn answer<T>(asked: Result<Answer<T>, CommandError>) -> Result<T, ApiError> {
    answer_unless_ended(asked).await?.ok_or_else(ApiError::stopped)
}

/// What one shard says; `None` when it has ended.
pub(super) async fn answer_unless_ended<T>(asked: Result<Answer<T>, CommandError>) -> Result<Option<T>, ApiError> {
    let asked = match asked {
        Err(CommandError::Stopped) => return Ok(None),
        asked => asked?,
    };
    answer_by(Instant::now() + ANSWER_TIMEOUT, asked).await
}

/// What one shard says until `deadline`; `None` when it has ended.
pub(super) async fn answer_by<T>(deadline: Instant, asked: Answer<T>) -> Result<Option<T>, ApiError> {
    let shard = asked.shard();
    match hear(deadline, asked).await {
        Said::Answer(answer) => Ok(Some(answer)),
        Said::Ended => Ok(None),
        Said::Nothing => Err(ApiError::silent(&[shard])),
    }
}

/// What each of several shards says; all are asked before the first is awaited.
pub(super) async fn answers<T>(asked: impl Iterator<Item = Result<Answer<T>, CommandError>>) -> Vec<Said<T>> {
    let asked: Vec<_> = asked.collect();
    let deadline = Instant::now() + ANSWER_TIMEOUT;
    let mut answers = Vec::with_capacity(asked.len());
    for asked in asked {
        answers.push(match asked {
            Ok(asked) => hear(deadline, asked).await,
            Err(CommandError::Stopped) => Said::Ended,
            // A full queue is not being emptied.
            Err(_) => Said::Nothing,
        });
    }
    answers
}

async fn hear<T>(deadline: Instant, answer: Answer<T>) -> Said<T> {
    let mut answer = answer.into_future();
    match timeout_at(deadline, &mut answer).await {
        Ok(Ok(answer)) => Said::Answer(answer),
        Err(_) if !answer.is_stopped() => Said::Nothing,
        _ => Said::Ended,
    }
}
