//! The few HTTP/1.1 things that a data port needs: request heads, routes, pages, refusals.
