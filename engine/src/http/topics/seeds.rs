//! Heads of requests that ask for something; the fuzz target begins with the same.

pub(crate) const HEADS: [&str; 6] = [
    "GET /topics/a.b?after=1f3a-17&since=5&wait=30s HTTP/1.1\r\nHost: x\r\nOrigin: https://a.example\r\n\r\n",
    "GET /topics/a.%3E?after=a.b:1-1&after=a.c:1-2 HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n",
    "GET /topics/* HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nLast-Event-ID: a:1-1:5000\r\n\r\n",
    "HEAD /topics/gr%C3%B6%C3%9Fe/latest HTTP/1.0\r\nIf-None-Match: W/\"1-1\", *\r\nConnection: keep-alive\r\n\r\n",
    "OPTIONS /topics/a HTTP/1.1\r\nHost: x\r\nOrigin: https://a.example\r\nConnection: close\r\n\r\n",
    "POST /topics/a HTTP/1.1\r\nHost: x\r\n\r\n",
];
