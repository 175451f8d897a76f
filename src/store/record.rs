//! A record as JSON with its fields in the order in which they were written, those too that mean nothing to us.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value as Json;

/// A whole record: `key`, `value`, and what a later node-persist may add.
pub type Record = Fields<Part>;

/// Names with values, in order. Has no `Debug`, as the digest of a password stands in it.
pub struct Fields<Value>(pub Vec<(String, Value)>);

/// The value of a field of a record.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
pub enum Part {
    /// `value` of an account.
    Section(Fields<Json>),
    /// Everything else.
    Other(Json),
}

impl Record {
    /// The fields of `value`, if it has any.
    pub fn value(&mut self) -> Option<&mut Fields<Json>> {
        self.0.iter_mut().find_map(|(name, part)| match part {
            Part::Section(fields) if name == "value" => Some(fields),
            Part::Section(_) | Part::Other(_) => None,
        })
    }

    /// The record as node-persist writes it: without blanks or a line end.
    ///
    /// # Panics
    /// Never: text, numbers and lists can all be written.
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).expect("names are text and values are JSON")
    }
}

impl Fields<Json> {
    /// Sets a field; one that is not there yet comes last.
    pub fn set(&mut self, name: &str, value: Json) {
        match self.0.iter_mut().find(|(found, _)| found == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }
}

impl<Value: Serialize> Serialize for Fields<Value> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<'de, Value: Deserialize<'de>> Deserialize<'de> for Fields<Value> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(InOrder(PhantomData))
    }
}

/// Takes the fields as they come.
struct InOrder<Value>(PhantomData<Value>);

impl<'de, Value: Deserialize<'de>> Visitor<'de> for InOrder<Value> {
    type Value = Fields<Value>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("names with values")
    }

    fn visit_map<Map: MapAccess<'de>>(self, mut map: Map) -> Result<Fields<Value>, Map::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Fields(fields))
    }
}
