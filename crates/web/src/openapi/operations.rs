//! How an operation of a model is described: parameters, body, answers, errors.

use super::{object, reference};
use serde_json::{Value, json};

/// What can go wrong with any request for data.
const ERRORS: [u16; 12] = [400, 401, 403, 404, 405, 408, 409, 413, 414, 422, 431, 503];

/// An operation, being described.
pub(super) struct Operation(Value);

impl Operation {
    /// One that can be read or carried out at a path.
    pub(super) fn new(id: &str, tag: &str, summary: &str) -> Operation {
        let errors = ERRORS.iter().chain(&[504]).map(|status| {
            let response = reference("responses", &format!("e{status}"));
            (status.to_string(), response)
        });
        Operation(json!({
            "operationId": id, "tags": [tag], "summary": summary,
            "parameters": [
                reference("parameters", "PandoStamp"),
            ],
            "responses": object(errors),
        }))
    }

    /// A write takes an idempotency key.
    pub(super) fn write(self) -> Operation {
        self.shared("IdempotencyKey")
    }

    /// A read may say how fresh it has to be.
    pub(super) fn read(self) -> Operation {
        self.shared("PandoConsistency")
    }

    /// It looks at `If-Match` and `If-None-Match`, and answers 412 where they do not hold.
    pub(super) fn conditional(mut self) -> Operation {
        self.0["responses"]["412"] = reference("responses", "e412");
        self.shared("IfMatch").shared("IfNoneMatch")
    }

    /// A parameter of the query.
    pub(super) fn query(mut self, name: &str, schema: Value, description: &str) -> Operation {
        self.push(json!({
            "name": name, "in": "query", "schema": schema, "description": description,
        }));
        self
    }

    /// The same, which has to be there.
    pub(super) fn required_query(
        mut self,
        name: &str,
        schema: Value,
        description: &str,
    ) -> Operation {
        self.push(json!({
            "name": name, "in": "query", "required": true, "schema": schema,
            "description": description,
        }));
        self
    }

    /// A header of the request.
    pub(super) fn header(mut self, name: &str, schema: Value, description: &str) -> Operation {
        self.push(json!({
            "name": name, "in": "header", "schema": schema, "description": description,
        }));
        self
    }

    /// A body in JSON.
    pub(super) fn body(self, schema: Value) -> Operation {
        self.body_of("application/json", schema)
    }

    /// A body of some media type.
    pub(super) fn body_of(mut self, media: &str, schema: Value) -> Operation {
        self.0["requestBody"] = json!({
            "required": true, "content": { media: { "schema": schema } },
        });
        self
    }

    /// An answer; with a body in JSON where a schema is given.
    pub(super) fn answer(
        self,
        status: &str,
        description: &str,
        schema: Option<Value>,
    ) -> Operation {
        let content = schema.map(|schema| json!({ "application/json": { "schema": schema } }));
        self.answer_of(status, description, content)
    }

    /// An answer with content of its own.
    pub(super) fn answer_of(
        mut self,
        status: &str,
        description: &str,
        content: Option<Value>,
    ) -> Operation {
        let names = [
            "Pando-Stamp",
            "Pando-Stamp-Lost",
            "Pando-Cursor",
            "Pando-Truncated",
            "Content-Range",
            "Link",
            "ETag",
            "Idempotency-Replayed",
        ];
        let headers = names.map(|name| (name.to_owned(), reference("headers", name)));
        let mut response = json!({ "description": description, "headers": object(headers) });
        if let Some(content) = content {
            response["content"] = content;
        }
        self.0["responses"][status] = response;
        self
    }

    /// Its description.
    pub(super) fn describe(self) -> Value {
        self.0
    }

    fn shared(mut self, name: &str) -> Operation {
        self.push(reference("parameters", name));
        self
    }

    fn push(&mut self, parameter: Value) {
        if let Some(Value::Array(parameters)) = self.0.get_mut("parameters") {
            parameters.push(parameter);
        }
    }
}

/// A parameter of a path, a name of so many bytes at most.
pub(super) fn in_path(name: &str, bytes_max: usize, description: &str) -> Value {
    json!({
        "name": name, "in": "path", "required": true, "description": description,
        "schema": { "type": "string", "minLength": 1, "maxLength": bytes_max },
    })
}

/// Query parameters that lists share: how many, and from where on.
pub(super) fn paged(operation: Operation) -> Operation {
    operation
        .query(
            "limit",
            json!({ "type": "integer", "minimum": 0 }),
            "How many at most",
        )
        .query(
            "cursor",
            json!({ "type": "string" }),
            "Go on behind the page whose Pando-Cursor this is",
        )
}

/// A span of time.
pub(super) fn span() -> Value {
    json!({ "type": "string", "pattern": "^[1-9][0-9]{0,8}(ms|s|m|h)$", "examples": ["60s"] })
}
