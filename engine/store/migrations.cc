#include "store/migrations.h"

#include <array>

namespace bimodal::store {
namespace {

// Times are Unix seconds (REAL), 0 when it didn't happen. "state" of an app is modal.client.AppState by number.
constexpr std::string_view kVersion1 = R"sql(
CREATE TABLE environments (
  environment_id TEXT PRIMARY KEY,
  name           TEXT NOT NULL UNIQUE,
  web_suffix     TEXT NOT NULL UNIQUE,
  is_default     INTEGER NOT NULL,
  created_at     REAL NOT NULL
);

CREATE TABLE apps (
  app_id         TEXT PRIMARY KEY,
  environment_id TEXT NOT NULL REFERENCES environments,
  description    TEXT NOT NULL,
  name           TEXT NOT NULL,  -- deployed name, '' for none; kept when stopped
  state          INTEGER NOT NULL,
  version        INTEGER NOT NULL,  -- of the current layout, 0 before the first publish
  created_at     REAL NOT NULL,
  deployed_at    REAL NOT NULL,
  stopped_at     REAL NOT NULL
);
CREATE UNIQUE INDEX apps_by_name ON apps (environment_id, name) WHERE name <> '' AND stopped_at = 0;
CREATE INDEX apps_by_environment ON apps (environment_id, created_at);

CREATE TABLE functions (
  function_id TEXT PRIMARY KEY,
  app_id      TEXT NOT NULL REFERENCES apps ON DELETE CASCADE,
  tag         TEXT NOT NULL,  -- "hello", "Cls.*"
  autoscaler  BLOB,  -- modal.client.AutoscalerSettings that came after the publish, NULL for none
  UNIQUE (app_id, tag)
);

-- Staged and published definitions. The same content of the same function keeps its id.
CREATE TABLE definitions (
  definition_id TEXT PRIMARY KEY,
  function_id   TEXT NOT NULL REFERENCES functions ON DELETE CASCADE,
  content_hash  TEXT NOT NULL,
  function      BLOB NOT NULL,  -- modal.client.Function as it will run
  created_at    REAL NOT NULL,
  UNIQUE (function_id, content_hash)
);

CREATE TABLE classes (
  class_id TEXT PRIMARY KEY,
  app_id   TEXT NOT NULL REFERENCES apps ON DELETE CASCADE
);
CREATE INDEX classes_by_app ON classes (app_id);

-- One row for each publish of a deployed app, and for the last one of any other.
CREATE TABLE deployments (
  app_id           TEXT NOT NULL REFERENCES apps ON DELETE CASCADE,
  version          INTEGER NOT NULL,
  deployed_at      REAL NOT NULL,
  deployed_by      TEXT NOT NULL,
  client_version   TEXT NOT NULL,
  tag              TEXT NOT NULL,
  commit_info      BLOB NOT NULL,  -- modal.client.CommitInfo, empty for none
  PRIMARY KEY (app_id, version)
);

-- What a version consists of: functions (with their definition) and classes, by tag.
CREATE TABLE layouts (
  app_id        TEXT NOT NULL,
  version       INTEGER NOT NULL,
  tag           TEXT NOT NULL,
  object_id     TEXT NOT NULL,
  definition_id TEXT REFERENCES definitions,  -- NULL for a class
  PRIMARY KEY (app_id, version, tag, object_id),
  FOREIGN KEY (app_id, version) REFERENCES deployments ON DELETE CASCADE
);
CREATE INDEX layouts_by_definition ON layouts (definition_id);

CREATE TABLE secrets (
  secret_id      TEXT PRIMARY KEY,
  environment_id TEXT NOT NULL REFERENCES environments,
  name           TEXT NOT NULL,  -- '' for an anonymous one
  app_id         TEXT REFERENCES apps ON DELETE CASCADE,
  keys           TEXT NOT NULL,  -- names of the variables, one per line
  sealed         BLOB NOT NULL,  -- the variables, encrypted
  fingerprint    TEXT NOT NULL,  -- keyed hash of the variables: tells whether they changed, not what they are
  created_at     REAL NOT NULL,
  last_used_at   REAL NOT NULL
);
CREATE UNIQUE INDEX secrets_by_name ON secrets (environment_id, name) WHERE name <> '';
CREATE UNIQUE INDEX anonymous_secrets ON secrets (environment_id, ifnull(app_id, ''), fingerprint) WHERE name = '';

CREATE TABLE images (
  image_id        TEXT PRIMARY KEY,
  request         BLOB NOT NULL,  -- modal.client.ImageGetOrCreateRequest
  builder_version TEXT NOT NULL,
  state           TEXT NOT NULL CHECK (state IN ('pending', 'built', 'failed')),
  layers          TEXT NOT NULL,  -- JSON array of layer names, lowest first
  config          TEXT NOT NULL,  -- JSON: env, workdir, user, entrypoint, cmd, shell, labels, python
  result          TEXT NOT NULL,  -- why it failed; '' otherwise
  created_at      REAL NOT NULL
);

CREATE TABLE mounts (
  mount_id   TEXT PRIMARY KEY,
  kind       TEXT NOT NULL,  -- 'files', or 'client' for the client's own package
  name       TEXT NOT NULL,  -- deployment name, '' for none
  files      BLOB NOT NULL,  -- modal.client.MountGetOrCreateRequest with the files
  created_at REAL NOT NULL
);
CREATE UNIQUE INDEX mounts_by_name ON mounts (name) WHERE name <> '';
)sql";

// Kinds of versions are modal.client.DeploymentType by number.
constexpr std::string_view kVersionKinds = R"sql(
ALTER TABLE deployments ADD COLUMN kind INTEGER NOT NULL DEFAULT 1;
ALTER TABLE deployments ADD COLUMN origin INTEGER NOT NULL DEFAULT 0;  -- the version that this one repeats, 0 for none
)sql";

// Dicts and queues, by name or for as long as a client needs them.
constexpr std::string_view kObjects = R"sql(
CREATE TABLE objects (
  object_id      TEXT PRIMARY KEY,
  kind           TEXT NOT NULL,  -- the prefix of its id
  environment_id TEXT NOT NULL REFERENCES environments ON DELETE CASCADE,
  name           TEXT NOT NULL,  -- '' for an ephemeral one
  version        INTEGER NOT NULL,  -- of a volume's file system
  created_at     REAL NOT NULL,
  expires_at     REAL NOT NULL  -- of an ephemeral one, 0: never
);
CREATE UNIQUE INDEX objects_by_name ON objects (environment_id, kind, name) WHERE name <> '';
CREATE INDEX objects_by_expiry ON objects (expires_at) WHERE expires_at > 0;

CREATE TABLE dict_entries (
  dict_id TEXT NOT NULL REFERENCES objects ON DELETE CASCADE,
  key     BLOB NOT NULL,
  value   BLOB NOT NULL,
  used_at REAL NOT NULL,
  PRIMARY KEY (dict_id, key)
);
CREATE INDEX dict_entries_by_use ON dict_entries (used_at);

CREATE TABLE queue_partitions (
  queue_id   TEXT NOT NULL REFERENCES objects ON DELETE CASCADE,
  partition  BLOB NOT NULL,
  items      INTEGER NOT NULL,
  bytes      INTEGER NOT NULL,
  expires_at REAL NOT NULL,
  PRIMARY KEY (queue_id, partition)
) WITHOUT ROWID;
CREATE INDEX queue_partitions_by_expiry ON queue_partitions (expires_at);

CREATE TABLE queue_items (
  item_id   INTEGER PRIMARY KEY AUTOINCREMENT,
  queue_id  TEXT NOT NULL,
  partition BLOB NOT NULL,
  value     BLOB NOT NULL,
  FOREIGN KEY (queue_id, partition) REFERENCES queue_partitions ON DELETE CASCADE
);
CREATE INDEX queue_items_in_order ON queue_items (queue_id, partition, item_id);
)sql";

// `parent` is what `path` has before its last '/'. `content` is a file's SHA-256, or the target of a symbolic link.
constexpr std::string_view kVolumes = R"sql(
ALTER TABLE objects ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;  -- of a volume: counts commits

CREATE TABLE volume_entries (
  volume_id TEXT NOT NULL REFERENCES objects ON DELETE CASCADE,
  path      TEXT NOT NULL,
  parent    TEXT NOT NULL,
  type      INTEGER NOT NULL,  -- modal.client.FileEntry.FileType by number
  mode      INTEGER NOT NULL,
  mtime     INTEGER NOT NULL,
  size      INTEGER NOT NULL,
  content   TEXT NOT NULL,
  PRIMARY KEY (volume_id, path)
) WITHOUT ROWID;
CREATE INDEX volume_entries_by_parent ON volume_entries (volume_id, parent, path);
CREATE INDEX volume_entries_by_content ON volume_entries (content) WHERE type = 1;
)sql";

// Plain calls: one row each for the call and for every input of it.
constexpr std::string_view kCalls = R"sql(
CREATE TABLE calls (
  call_id         TEXT PRIMARY KEY,
  function_id     TEXT NOT NULL,
  app_id          TEXT NOT NULL,
  parent_input_id TEXT NOT NULL,  -- '' when no input of another call made it
  kind            INTEGER NOT NULL,  -- modal.client.FunctionCallType
  invocation      INTEGER NOT NULL,  -- modal.client.FunctionCallInvocationType
  created_at      REAL NOT NULL,
  expected        INTEGER NOT NULL,  -- number of inputs, -1 as long as more may come
  taken_at        REAL NOT NULL  -- when the caller had all that it wanted, 0: not yet
);
CREATE INDEX calls_by_parent ON calls (parent_input_id);
CREATE INDEX calls_by_age ON calls (created_at);

CREATE TABLE inputs (
  call_id     TEXT NOT NULL REFERENCES calls ON DELETE CASCADE,
  place       INTEGER NOT NULL,  -- index of the input in its call
  input_id    TEXT NOT NULL,
  arguments   BLOB NOT NULL,  -- modal.client.FunctionInput
  attempts    INTEGER NOT NULL,  -- user's retries so far
  entry       INTEGER NOT NULL,  -- how many inputs of the call had ended with this one, 0: it hasn't
  status      INTEGER NOT NULL,  -- modal.client.GenericResult.GenericStatus, 0: it hasn't ended
  task_id     TEXT NOT NULL,  -- the container that ran it, '' for none
  started_at  REAL NOT NULL,
  ended_at    REAL NOT NULL,
  output      BLOB NOT NULL,  -- modal.client.FunctionGetOutputsItem
  PRIMARY KEY (call_id, place)
);
CREATE INDEX unfinished_inputs ON inputs (call_id) WHERE status = 0;
)sql";

// Instances of classes with parameters.
constexpr std::string_view kBindings = R"sql(
CREATE TABLE bindings (
  bound_id    TEXT PRIMARY KEY,
  function_id TEXT NOT NULL,
  parameters  BLOB NOT NULL,  -- modal.client.ClassParameterSet
  created_at  REAL NOT NULL
);
CREATE INDEX bindings_by_age ON bindings (created_at);
)sql";

constexpr std::string_view kSchedules = R"sql(
CREATE TABLE scheduled_runs (
  function_id TEXT PRIMARY KEY REFERENCES functions ON DELETE CASCADE,
  at          REAL NOT NULL  -- the last one, Unix seconds
);
)sql";

// modal.client.FunctionOptions of with_options() and the like.
constexpr std::string_view kBindingOptions = R"sql(
ALTER TABLE bindings ADD COLUMN options BLOB NOT NULL DEFAULT x'';
)sql";

// By which a client's repeated FunctionMap finds the call that it made.
constexpr std::string_view kRequestKeys = R"sql(
ALTER TABLE calls ADD COLUMN request_key TEXT NOT NULL DEFAULT '';
)sql";

constexpr std::string_view kAppTags = R"sql(
CREATE TABLE app_tags (
  app_id TEXT NOT NULL REFERENCES apps ON DELETE CASCADE,
  key    TEXT NOT NULL,
  value  TEXT NOT NULL,
  PRIMARY KEY (app_id, key)
);
)sql";

// Tokens with which callers pass requires_proxy_auth=True. One without scope is good in every environment.
constexpr std::string_view kProxyTokens = R"sql(
CREATE TABLE proxy_tokens (
  token_id    TEXT PRIMARY KEY,
  secret_hash TEXT NOT NULL,  -- SHA-256 of the secret, in hex
  scoped      INTEGER NOT NULL,
  name        TEXT NOT NULL,
  created_at  REAL NOT NULL
);

CREATE TABLE proxy_token_environments (
  token_id       TEXT NOT NULL REFERENCES proxy_tokens ON DELETE CASCADE,
  environment_id TEXT NOT NULL REFERENCES environments ON DELETE CASCADE,
  PRIMARY KEY (token_id, environment_id)
);
)sql";

// Tokens for clients of the API, beside the home's own.
constexpr std::string_view kApiTokens = R"sql(
CREATE TABLE api_tokens (
  token_id     TEXT PRIMARY KEY,
  secret_hash  TEXT NOT NULL,  -- SHA-256 of the secret, in hex
  name         TEXT NOT NULL,
  created_at   INTEGER NOT NULL,  -- Unix seconds
  expires_at   INTEGER NOT NULL,  -- 0: never
  last_used_at INTEGER NOT NULL
);
)sql";

constexpr std::array kMigrations = {kVersion1,  kVersionKinds,   kObjects,     kCalls,   kVolumes,     kBindings,
                                    kSchedules, kBindingOptions, kRequestKeys, kAppTags, kProxyTokens, kApiTokens};

}  // namespace

std::span<const std::string_view> all_migrations() {
  return kMigrations;
}

}  // namespace bimodal::store
