#include "control/cron.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <span>
#include <string>
#include <vector>

namespace bimodal::control {
namespace {

constexpr int kYearsAhead = 8;  // the longest way from one 29 February to the next
constexpr std::array<std::string_view, 12> kMonths = {"jan", "feb", "mar", "apr", "may", "jun",
                                                      "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::array<std::string_view, 7> kWeekdays = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

struct Nickname {
  std::string_view name, text;
};
constexpr std::array<Nickname, 7> kNicknames = {{
    {"@yearly", "0 0 1 1 *"},
    {"@annually", "0 0 1 1 *"},
    {"@monthly", "0 0 1 * *"},
    {"@weekly", "0 0 * * 0"},
    {"@daily", "0 0 * * *"},
    {"@midnight", "0 0 * * *"},
    {"@hourly", "0 * * * *"},
}};

// One of the five: its bounds, and its names, of which the first stands for `first`.
struct Field {
  std::string_view what;
  int first, last;
  std::span<const std::string_view> names = {};
};

std::vector<std::string_view> split(std::string_view text, std::string_view separators) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of(separators), text.size());
    parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

std::optional<int> number_in(std::string_view text) {
  int value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<int> value_in(const Field& field, std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  for (std::size_t i = 0; i < field.names.size(); ++i) {
    if (field.names[i] == lower) return static_cast<int>(i) + field.first;
  }
  const auto number = number_in(text);
  if (!number || *number < field.first || *number > field.last) return std::nullopt;
  return number;
}

tl::unexpected<Error> wrong(const Field& field, std::string_view text) {
  return error(
      Code::InvalidArgument,
      "'{}' is no {} of a cron expression; it takes numbers from {} to {}, ranges, lists, * and /N", text, field.what,
      field.first, field.last);
}

// Sets what "1-5/2" and the like stand for.
template <typename Bits>
Result<void> set_range(const Field& field, std::string_view part, Bits& bits) {
  const std::size_t slash = part.find('/');
  const std::string_view range = part.substr(0, slash);
  std::optional<int> step = 1;
  if (slash != std::string_view::npos) step = number_in(part.substr(slash + 1));
  std::optional<int> from = field.first, to = field.last;
  if (range != "*") {
    const std::size_t dash = range.find('-');
    from = value_in(field, range.substr(0, dash));
    if (dash != std::string_view::npos) to = value_in(field, range.substr(dash + 1));
    if (dash == std::string_view::npos && slash == std::string_view::npos) to = from;
  }
  if (!step || *step < 1 || !from || !to || *from > *to) return wrong(field, part);
  for (int value = *from; value <= *to; value += *step) bits.set(static_cast<std::size_t>(value));
  return {};
}

template <typename Bits>
Result<void> set_field(const Field& field, std::string_view text, Bits& bits) {
  if (text.empty() || text.front() == ',' || text.back() == ',') return wrong(field, text);
  for (std::string_view part : split(text, ",")) TRY_VOID(set_range(field, part, bits));
  return {};
}

}  // namespace

Result<Cron> Cron::parse(std::string_view text) {
  for (const Nickname& nickname : kNicknames) {
    if (text == nickname.name) return parse(nickname.text);
  }
  std::vector<std::string_view> fields;
  for (std::string_view field : split(text, " \t")) {
    if (!field.empty()) fields.push_back(field);
  }
  if (fields.size() != 5) {
    return error(
        Code::InvalidArgument,
        "'{}' is no cron expression: it has {} fields instead of five (minute, hour, day, month, weekday)", text,
        fields.size());
  }
  Cron cron;
  std::bitset<8> weekdays;
  TRY_VOID(set_field({"minute", 0, 59}, fields[0], cron.minutes_));
  TRY_VOID(set_field({"hour", 0, 23}, fields[1], cron.hours_));
  TRY_VOID(set_field({"day", 1, 31}, fields[2], cron.days_));
  TRY_VOID(set_field({"month", 1, 12, kMonths}, fields[3], cron.months_));
  TRY_VOID(set_field({"weekday", 0, 7, kWeekdays}, fields[4], weekdays));
  for (std::size_t day = 0; day < 8; ++day) {
    if (weekdays[day]) cron.weekdays_.set(day % 7);
  }
  cron.any_hour_ = fields[1].starts_with('*');
  cron.any_day_ = fields[2].starts_with('*');
  cron.any_weekday_ = fields[4].starts_with('*');
  return cron;
}

bool Cron::fits(absl::CivilDay day) const {
  if (!months_[static_cast<std::size_t>(day.month())]) return false;
  const bool of_month = days_[static_cast<std::size_t>(day.day())];
  // Weekday counts from Monday there, from Sunday here.
  const bool of_week = weekdays_[(static_cast<std::size_t>(absl::GetWeekday(day)) + 1) % 7];
  return any_day_ || any_weekday_ ? of_month && of_week : of_month || of_week;
}

std::optional<absl::CivilMinute> Cron::next(absl::CivilMinute after) const {
  absl::CivilMinute minute = after + 1;
  const absl::CivilDay last(after.year() + kYearsAhead + 1, 1, 1);
  for (absl::CivilDay day(minute); day < last; minute = absl::CivilMinute(++day)) {
    if (!fits(day)) continue;
    for (; absl::CivilDay(minute) == day; ++minute) {
      const bool hour = hours_[static_cast<std::size_t>(minute.hour())];
      if (hour && minutes_[static_cast<std::size_t>(minute.minute())]) return minute;
    }
  }
  return std::nullopt;
}

}  // namespace bimodal::control
