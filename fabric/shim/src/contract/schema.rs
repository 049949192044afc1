//! JSON schemas of arguments and results.

use std::marker::PhantomData;

use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

use super::Bytes;

/// Collects the schemas of a chaincode's types.
#[derive(Debug)]
pub struct Schemas(SchemaGenerator);

/// The schemas of a function's parameters and of its result.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Signature {
    /// Of the parameters, in their order.
    pub parameters: Vec<Value>,
    /// Of the result; `None` if there is none.
    pub returns: Option<Value>,
}

impl Schemas {
    pub(super) fn new() -> Self {
        let settings = SchemaSettings::draft07().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        });
        Self(settings.into_generator())
    }

    /// The schema of a type: in place, or a reference to one of the components.
    pub fn schema<T: JsonSchema>(&mut self) -> Value {
        self.0.subschema_for::<T>().to_value()
    }

    /// The components, each with its own name and whether it takes fields that it does not name.
    pub(super) fn into_definitions(mut self) -> Map<String, Value> {
        let mut definitions = self.0.take_definitions(true);
        for (name, schema) in &mut definitions {
            let Some(schema) = schema.as_object_mut() else { continue };
            schema.insert("$id".to_owned(), json!(name));
            if schema.contains_key("properties") {
                schema.entry("additionalProperties").or_insert(json!(true));
            }
        }
        definitions
    }
}

impl Signature {
    /// Adds a parameter.
    #[must_use]
    pub fn with_parameter(mut self, schema: Value) -> Self {
        self.parameters.push(schema);
        self
    }

    /// Sets the result; the schema of `()` is none.
    #[must_use]
    pub fn with_result(mut self, schema: Value) -> Self {
        self.returns = (schema != json!({ "type": "null" })).then_some(schema);
        self
    }
}

/// Finds out at compile time whether a type has a schema. Methods are looked up on `&Probe<T>` before `&&Probe<T>`, so
/// [`Described`] wins where it is implemented, and methods of its own before those of traits.
#[derive(Debug)]
pub struct Probe<T>(PhantomData<fn() -> T>);

impl<T> Probe<T> {
    /// A probe for the type.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "only for the code that #[contract] writes")]
    pub fn new() -> Self {
        Self(PhantomData)
    }
}

/// What is raw as an argument or a result is base64 inside of another type.
impl Probe<Bytes> {
    /// The schema.
    #[must_use]
    pub fn schema(&self, _: &mut Schemas) -> Value {
        json!({ "type": "string", "format": "binary" })
    }
}

impl Probe<Option<Bytes>> {
    /// The schema.
    #[must_use]
    pub fn schema(&self, _: &mut Schemas) -> Value {
        json!({ "type": ["string", "null"], "format": "binary" })
    }
}

/// Types with a schema.
pub trait Described {
    /// The schema.
    fn schema(&self, schemas: &mut Schemas) -> Value;
}

impl<T: JsonSchema> Described for Probe<T> {
    fn schema(&self, schemas: &mut Schemas) -> Value {
        schemas.schema::<T>()
    }
}

/// Types without a schema, of which the metadata say nothing: everything may be one.
pub trait Undescribed {
    /// The schema that everything matches.
    fn schema(&self, schemas: &mut Schemas) -> Value;
}

impl<T> Undescribed for &Probe<T> {
    fn schema(&self, _: &mut Schemas) -> Value {
        json!({})
    }
}

/// Schema of a text in some format.
pub(super) fn text(format: &str) -> Schema {
    schemars::json_schema!({ "type": "string", "format": format })
}
