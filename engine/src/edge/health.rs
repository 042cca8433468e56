//! `ringwire health`: asks a running node's admin interface how it is, for supervisors that run a program: a container's health check,
//! an exec probe.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use super::StartError;
use super::control;
use crate::config::ValidConfig;

/// The node itself waits two seconds for a shard.
const PATIENCE: Duration = Duration::from_secs(3);

/// Answers are short.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;

/// Asks, and prints the answer. Exit code 1 if the node is not as asked, or does not answer.
///
/// # Errors
///
/// [`StartError`] when the configuration names no admin interface, or a token that cannot be read.
pub(super) fn run(config: &ValidConfig, ready: bool) -> Result<ExitCode, StartError> {
    let listen = config.admin.listen.ok_or(StartError::NothingToAsk)?;
    let token = control::token(&config.admin)?;
    let path = if ready { "/readyz" } else { "/healthz" };
    let token = token.as_ref().map(|token| String::from_utf8_lossy(token.as_bytes()));
    let answer = ask(reachable(listen), path, token.as_deref());
    let is_well = matches!(answer, Ok((200, _)));
    super::print(&match answer {
        Ok((200, body)) => format!("{}\n", body.trim_end()),
        Ok((status, body)) => format!("{status}: {}\n", body.trim_end()),
        Err(error) => format!("no answer from {}{path}: {error}\n", reachable(listen)),
    });
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Who listens on all addresses is asked on this machine's own.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

/// One request of HTTP/1.0, so that the answer ends with the connection; its status and its body.
fn ask(addr: SocketAddr, path: &str, token: Option<&str>) -> io::Result<(u16, String)> {
    let mut stream = TcpStream::connect_timeout(&addr, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let authorization = token.map_or(String::new(), |token| format!("Authorization: Bearer {token}\r\n"));
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {addr}\r\n{authorization}\r\n")?;
    let mut answer = String::new();
    stream.take(ANSWER_BYTES_MAX).read_to_string(&mut answer)?;
    parse(&answer).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "this is not HTTP"))
}

fn parse(answer: &str) -> Option<(u16, String)> {
    let status = answer.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok()?;
    let (_, body) = answer.split_once("\r\n\r\n")?;
    Some((status, body.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_a_status_and_a_body() {
        assert_eq!(parse("HTTP/1.0 503 Service Unavailable\r\na: b\r\n\r\n{}\n"), Some((503, "{}\n".into())));
        assert_eq!(parse("HTTP/1.1 200 OK\r\n\r\n"), Some((200, String::new())));
        assert_eq!(parse("SSH-2.0-x\r\n\r\n"), None);
        assert_eq!(parse(""), None);
    }

    #[test]
    fn who_listens_everywhere_is_asked_here() {
        assert_eq!(reachable("0.0.0.0:81".parse().unwrap()), "127.0.0.1:81".parse().unwrap());
        assert_eq!(reachable("[::]:81".parse().unwrap()), "[::1]:81".parse().unwrap());
        assert_eq!(reachable("10.0.0.1:81".parse().unwrap()), "10.0.0.1:81".parse().unwrap());
    }
}
