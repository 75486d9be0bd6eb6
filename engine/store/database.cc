#include "store/database.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cerrno>
#include <unordered_map>

#include "base/check.h"
#include "base/unique_fd.h"
#include "store/freeze.h"
#include "store/migrations.h"

namespace bimodal::store {
namespace {

constexpr int kBusyTimeoutMs = 5000;  // another process (a backup, the sqlite3 shell) may hold the file for a moment

struct CloseConnection {
  void operator()(sqlite3* connection) const { sqlite3_close_v2(connection); }
};
struct Finalize {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Connection = std::unique_ptr<sqlite3, CloseConnection>;
using Statement = std::unique_ptr<sqlite3_stmt, Finalize>;

// Leaves a cached statement ready for its next use.
struct Reset {
  sqlite3_stmt* statement;
  ~Reset() {
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
  }
};

void bind_value(sqlite3_stmt* statement, int index, const Value& value) {
  int outcome = SQLITE_OK;
  if (std::holds_alternative<std::nullptr_t>(value)) {
    outcome = sqlite3_bind_null(statement, index);
  } else if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    outcome = sqlite3_bind_int64(statement, index, *integer);
  } else if (const auto* real = std::get_if<double>(&value)) {
    outcome = sqlite3_bind_double(statement, index, *real);
  } else if (const auto* text = std::get_if<std::string>(&value)) {
    outcome = sqlite3_bind_text64(statement, index, text->data(), text->size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  } else {
    const std::string& bytes = std::get<Blob>(value).bytes;
    outcome = sqlite3_bind_blob64(statement, index, bytes.data(), bytes.size(), SQLITE_TRANSIENT);
  }
  CHECK(outcome == SQLITE_OK);  // the index is one of the statement's, the size below SQLite's 1 GB
}

}  // namespace

struct Database::State {
  std::filesystem::path file;
  Connection connection;
  std::unordered_map<std::string, Statement> statements;  // one per SQL text of the program

  tl::unexpected<Error> failure() const;
  Result<void> execute(const std::string& sql);
  Result<sqlite3_stmt*> prepare(std::string_view sql);
};

tl::unexpected<Error> Database::State::failure() const {
  const int code = sqlite3_errcode(connection.get());
  const std::string text = sqlite3_errmsg(connection.get());
  const bool no_space = sqlite3_system_errno(connection.get()) == ENOSPC && (code & 0xff) == SQLITE_IOERR;
  if ((code & 0xff) == SQLITE_FULL || no_space) {
    return error(
        Code::ResourceExhausted, "The disk that holds {} is full; free some space there and try again", file.string());
  }
  if ((code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB) {
    return error(Code::DataLoss, "{} is damaged ({}); restore it from a backup", file.string(), text);
  }
  // See freeze.h.
  if ((code & 0xff) == SQLITE_READONLY) return error(Code::Unavailable, "Another daemon is taking over; try again");
  if ((code & 0xff) == SQLITE_CONSTRAINT) return error(Code::AlreadyExists, "State database: {}", text);
  return error(Code::Internal, "State database {}: {}", file.string(), text);
}

Result<void> Database::State::execute(const std::string& sql) {
  if (sqlite3_exec(connection.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) return failure();
  return {};
}

Result<sqlite3_stmt*> Database::State::prepare(std::string_view sql) {
  auto [entry, fresh] = statements.try_emplace(std::string(sql));
  if (!fresh) return entry->second.get();
  sqlite3_stmt* statement = nullptr;
  const int outcome = sqlite3_prepare_v3(
      connection.get(), sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (outcome != SQLITE_OK) {
    statements.erase(entry);
    return failure();
  }
  entry->second.reset(statement);
  return statement;
}

std::int64_t Row::integer(int column) const {
  return sqlite3_column_int64(statement_, column);
}
double Row::real(int column) const {
  return sqlite3_column_double(statement_, column);
}
bool Row::is_null(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

std::string Row::text(int column) const {
  const auto* data = static_cast<const char*>(sqlite3_column_blob(statement_, column));
  const int size = sqlite3_column_bytes(statement_, column);
  return data == nullptr ? std::string() : std::string(data, static_cast<std::size_t>(size));
}

Result<int> Transaction::run(std::string_view sql, std::vector<Value> values) {
  TRY_VOID(query(sql, std::move(values), [](const Row&) {}));
  return sqlite3_changes(database_.state_->connection.get());
}

Result<void> Transaction::query(
    std::string_view sql, std::vector<Value> values, const std::function<void(const Row&)>& visit) {
  TRY(sqlite3_stmt * statement, database_.state_->prepare(sql));
  Reset reset{statement};
  CHECK(sqlite3_bind_parameter_count(statement) == static_cast<int>(values.size()));
  for (std::size_t i = 0; i < values.size(); ++i) bind_value(statement, static_cast<int>(i) + 1, values[i]);
  const Row row(statement);
  while (true) {
    const int outcome = sqlite3_step(statement);
    if (outcome == SQLITE_DONE) return {};
    if (outcome != SQLITE_ROW) return database_.state_->failure();
    visit(row);
  }
}

Result<std::unique_ptr<Database>> Database::open(const std::filesystem::path& file) {
  // SQLite would make it world-readable.
  UniqueFd made(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!made) return errno_error(errno, "opening " + file.string());
  made.reset();
  auto state = std::make_unique<State>();
  state->file = file;
  sqlite3* connection = nullptr;
  const int outcome = sqlite3_open_v2(
      file.c_str(), &connection, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
  state->connection.reset(connection);
  if (outcome != SQLITE_OK) return state->failure();
  sqlite3_busy_timeout(connection, kBusyTimeoutMs);
  // FULL: in WAL mode it is what makes a commit durable over a power cut, not only over a kill.
  TRY_VOID(state->execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"));
  auto database = std::unique_ptr<Database>(new Database(std::move(state)));
  TRY_VOID(database->migrate());
  return database;
}

Database::Database(std::unique_ptr<State> state) : state_(std::move(state)) {}

Database::~Database() {
  state_->statements.clear();
}

Result<void> Database::migrate() {
  return transact([this](Transaction& transaction) -> Result<void> {
    std::int64_t version = 0;
    TRY_VOID(transaction.query("PRAGMA user_version", {}, [&](const Row& row) { version = row.integer(0); }));
    const auto migrations = all_migrations();
    if (version > static_cast<std::int64_t>(migrations.size())) {
      return error(
          Code::FailedPrecondition, "{} was written by a newer release (schema {}, this one knows {}); upgrade bimodal",
          state_->file.string(), version, migrations.size());
    }
    for (auto next = static_cast<std::size_t>(version); next < migrations.size(); ++next) {
      TRY_VOID(state_->execute(std::string(migrations[next])));
    }
    return state_->execute("PRAGMA user_version=" + std::to_string(migrations.size()));
  });
}

// A frozen one only reads.
Result<void> Database::begin() {
  auto begun = state_->execute("BEGIN IMMEDIATE");
  if (begun || begun.error().code != Code::Unavailable) return begun;
  return state_->execute("BEGIN");
}

Result<void> Database::commit() {
  return state_->execute("COMMIT");
}
void Database::roll_back() {
  sqlite3_exec(state_->connection.get(), "ROLLBACK", nullptr, nullptr, nullptr);
}

Result<void> freeze(Database& database) {
  return database.transact([](Transaction& transaction) -> Result<void> {
    TRY_VOID(transaction.run("PRAGMA query_only=ON"));
    return {};
  });
}

Result<void> thaw(Database& database) {
  return database.transact([](Transaction& transaction) -> Result<void> {
    TRY_VOID(transaction.run("PRAGMA query_only=OFF"));
    return {};
  });
}

}  // namespace bimodal::store
