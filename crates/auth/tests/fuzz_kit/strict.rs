//! JSON as it is read where nothing may be read in two ways.

use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// JSON with its members in order, twins among them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node {
    Null,
    Bool,
    Number(f64, Option<u64>),
    Text(String),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
}

/// The members of one object without twins, at most 32 deep and 256 members wide, without NUL and
/// without the names that `serde_json` keeps for itself.
pub(crate) fn strict(bytes: &[u8]) -> Option<Vec<(String, Node)>> {
    let node: Node = serde_json::from_slice(bytes).ok()?;
    let mut members = 0;
    let sound = sound(&node, 1, &mut members) && members <= 256;
    match node {
        Node::Object(members) if sound => Some(members),
        _ => None,
    }
}

fn sound(node: &Node, depth: usize, members: &mut usize) -> bool {
    match node {
        Node::Null | Node::Bool | Node::Number(..) => true,
        Node::Text(text) => !text.contains('\0'),
        Node::List(nodes) => {
            depth <= 32 && nodes.iter().all(|node| sound(node, depth + 1, members))
        }
        Node::Object(object) => {
            *members += object.len();
            let names: HashSet<&str> = object.iter().map(|(name, _)| name.as_str()).collect();
            let allowed =
                |name: &str| !name.contains('\0') && !name.starts_with("$serde_json::private");
            depth <= 32
                && names.len() == object.len()
                && names.into_iter().all(allowed)
                && object
                    .iter()
                    .all(|(_, node)| sound(node, depth + 1, members))
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Anything)
    }
}

struct Anything;

impl<'de> Visitor<'de> for Anything {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Node, E> {
        Ok(Node::Bool)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Node, E> {
        Ok(Node::Number(number as f64, Some(number)))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Node, E> {
        Ok(Node::Number(number as f64, u64::try_from(number).ok()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Node, E> {
        Ok(Node::Number(number, None))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = seq.next_element()? {
            nodes.push(node);
        }
        Ok(Node::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Node::Object(members))
    }
}
