//! Documents: the same paths for every collection.

use super::fixed::operation;
use super::{object, reference};
use serde_json::{Map, Value, json};

/// The formats that documents come and go in.
const FORMATS: [&str; 4] = [
    "application/json",
    "application/yaml",
    "application/xml",
    "application/bson",
];

/// The paths.
pub(super) fn paths() -> Map<String, Value> {
    object([
        (
            "/docs/v1/{collection}".to_owned(),
            json!({ "get": list("get"), "head": list("head"), "post": post() }),
        ),
        (
            "/docs/v1/{collection}/{id}".to_owned(),
            json!({
                "get": read("get"),
                "head": read("head"),
                "put": put(),
                "patch": patch(),
                "delete": delete(),
            }),
        ),
    ])
}

fn list(verb: &str) -> Value {
    let documents = json!({ "type": "array", "items": document() });
    let summary = "Documents that pass filters on their paths, or that a search finds";
    let mut list = of_documents(
        &format!("{verb}_documents"),
        summary,
        &[("200", (verb == "get").then(|| content(&documents)))],
    );
    let mut parameters = vec![
        collection(),
        json!({
            "name": "search", "in": "query", "schema": { "type": "string", "maxLength": 1024 },
            "description": "Words: documents that hold any of them in the paths declared, the best first",
        }),
        json!({
            "name": "filters", "in": "query", "style": "form", "explode": true,
            "schema": { "type": "object", "additionalProperties": { "type": "string" } },
            "description": "Filters on paths: address->>city=eq.Seoul, pop=gt.50",
        }),
    ];
    let shared = ["select", "order", "limit", "offset", "cursor", "and", "or"];
    parameters.extend(shared.map(|name| reference("parameters", name)));
    list["parameters"] = json!(parameters);
    for status in ["415", "422", "406"] {
        list["responses"][status] = error(status);
    }
    list
}

fn post() -> Value {
    let made = json!({
        "type": "object", "required": ["_id"], "properties": { "_id": { "type": "string" } },
    });
    let mut post = of_documents(
        "post_document",
        "Store a document under an id that Pando makes",
        &[("201", Some(content(&made)))],
    );
    post["parameters"] = json!([collection(), reference("parameters", "IdempotencyKey")]);
    post["requestBody"] = json!({ "required": true, "content": sent() });
    for status in ["406", "409", "415", "422"] {
        post["responses"][status] = error(status);
    }
    post
}

fn read(verb: &str) -> Value {
    let body = (verb == "get").then(|| content(&document()));
    let mut read = of_documents(
        &format!("{verb}_document"),
        "A document",
        &[("200", body), ("304", None)],
    );
    read["parameters"] = json!([
        collection(),
        id(),
        header("If-None-Match"),
        header("If-Match")
    ]);
    for status in ["404", "406", "412", "415"] {
        read["responses"][status] = error(status);
    }
    read
}

fn put() -> Value {
    let mut put = of_documents(
        "put_document",
        "Store a document under its id",
        &[("201", None), ("204", None)],
    );
    put["parameters"] = json!([
        collection(),
        id(),
        header("If-None-Match"),
        header("If-Match"),
        reference("parameters", "IdempotencyKey"),
    ]);
    put["requestBody"] = json!({ "required": true, "content": sent() });
    for status in ["409", "412", "415", "422"] {
        put["responses"][status] = error(status);
    }
    put
}

fn patch() -> Value {
    let mut patch = of_documents(
        "patch_document",
        "Change a document in part",
        &[("200", Some(content(&document()))), ("204", None)],
    );
    patch["parameters"] = json!([
        collection(),
        id(),
        header("If-Match"),
        header("If-None-Match"),
        reference("parameters", "IdempotencyKey"),
    ]);
    let operations =
        json!({ "type": "array", "items": { "type": "object", "required": ["op", "path"] } });
    patch["requestBody"] = json!({ "required": true, "content": {
        "application/merge-patch+json": { "schema": { "type": "object" } },
        "application/json-patch+json": { "schema": operations },
    } });
    for status in ["404", "406", "409", "412", "415", "422"] {
        patch["responses"][status] = error(status);
    }
    patch
}

fn delete() -> Value {
    let mut delete = of_documents("delete_document", "Remove a document", &[("204", None)]);
    delete["parameters"] = json!([
        collection(),
        id(),
        header("If-Match"),
        header("If-None-Match")
    ]);
    for status in ["404", "409", "412", "422"] {
        delete["responses"][status] = error(status);
    }
    delete
}

fn of_documents(id: &str, summary: &str, success: &[(&str, Option<Value>)]) -> Value {
    operation(id, "documents", summary, success)
}

fn content(schema: &Value) -> Value {
    let formats = FORMATS.map(|format| (format.to_owned(), json!({ "schema": schema })));
    Value::Object(object(formats))
}

/// A document as it is sent. XML does not tell a list from an object: both are an element with
/// elements, and a document.
fn sent() -> Value {
    let mut formats = content(&json!({ "type": "object" }));
    formats["application/xml"]["schema"] = json!({
        "type": ["object", "array"],
        "description": "An element with elements or attributes: an object, whatever they are called",
    });
    formats
}

fn document() -> Value {
    json!({ "type": "object", "required": ["_id"], "properties": { "_id": { "type": "string" } } })
}

fn error(status: &str) -> Value {
    json!({
        "description": status,
        "content": { "application/json": { "schema": reference("schemas", "Error") } },
    })
}

fn collection() -> Value {
    json!({
        "name": "collection", "in": "path", "required": true,
        "schema": { "type": "string", "minLength": 1, "maxLength": 255 },
    })
}

fn id() -> Value {
    json!({
        "name": "id", "in": "path", "required": true,
        "schema": { "type": "string", "minLength": 1, "maxLength": 1024 },
    })
}

fn header(name: &str) -> Value {
    json!({ "name": name, "in": "header", "schema": { "type": "string" } })
}
