//! Names of subprotocols as small numbers: a connection remembers one byte.

/// The subprotocols that connections of a shard speak.
#[derive(Debug, Default)]
pub(crate) struct Protocols {
    names: Vec<Box<str>>,
}

impl Protocols {
    /// The number of a name; 0 for none, and for all after the 255th, of which only an application that makes names up
    /// could have so many.
    pub(crate) fn number(&mut self, name: Option<&str>) -> u8 {
        let Some(name) = name else { return 0 };
        let index = self.names.iter().position(|known| **known == *name).unwrap_or_else(|| {
            if self.names.len() < usize::from(u8::MAX) {
                self.names.push(name.into());
            }
            self.names.len() - 1
        });
        if *self.names[index] == *name { index as u8 + 1 } else { 0 }
    }

    /// The name of a number.
    pub(crate) fn name(&self, number: u8) -> Option<&str> {
        self.names.get(usize::from(number).checked_sub(1)?).map(|name| &**name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_numbers() {
        let mut protocols = Protocols::default();
        let soap = protocols.number(Some("soap"));
        let wamp = protocols.number(Some("wamp"));
        assert_eq!((protocols.number(Some("soap")), protocols.number(None)), (soap, 0));
        assert_eq!((protocols.name(soap), protocols.name(wamp), protocols.name(0)), (Some("soap"), Some("wamp"), None));
    }

    #[test]
    fn too_many_names_are_none() {
        let mut protocols = Protocols::default();
        let numbers: Vec<u8> = (0..300).map(|index| protocols.number(Some(&index.to_string()))).collect();
        assert_eq!((numbers[0], numbers[254], numbers[255], numbers[299]), (1, 255, 0, 0));
        assert_eq!(protocols.name(255), Some("254"));
    }
}
