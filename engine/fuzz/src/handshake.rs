//! The opening handshake: any cut gives the same answer; what is opened has all that the rules want, by a naive scan, and
//! tungstenite answers its key alike; what is refused is a whole answer that closes.

use std::sync::LazyLock;

use ringwire::http::Routes;

use crate::verdict::{BROWSER, SMALL, judge, routes};

static ROUTES: LazyLock<Routes> = LazyLock::new(routes);

/// Two bytes say where to cut; the rest comes from the client.
pub fn check(data: &[u8]) {
    let Some((&cut, bytes)) = data.split_first_chunk() else { return };
    judge(&ROUTES, bytes, usize::from(u16::from_le_bytes(cut)) % (bytes.len() + 1));
}

/// Two good heads, and each of them with one line missing or twice.
pub fn seeds() -> Vec<Vec<u8>> {
    let heads = [BROWSER, SMALL].into_iter().flat_map(|head| {
        let lines: Vec<_> = head.split_inclusive("\r\n").collect();
        let edited = move |index: usize, count: usize| {
            [lines[..index].concat(), lines[index].repeat(count), lines[index + 1..].concat()].concat()
        };
        (0..head.matches("\r\n").count()).flat_map(move |index| [0, 1, 2].map(|count| edited(index, count)))
    });
    heads.map(|head| [&[77, 0], head.as_bytes()].concat()).collect()
}
