#include "kernel/canonical_json.hpp"

#include <map>
#include <nlohmann/json.hpp>
#include <vector>

namespace tenfold {
namespace {

using nlohmann::json;

constexpr size_t deepest = 64;

// -12.50e3 as sign, digits without zeros at the ends, and the power of ten of the last one.
std::string canonical_number(std::string_view text) {
  const bool is_negative = text.starts_with('-');
  const size_t mark = text.find_first_of("eE");
  const std::string_view mantissa = text.substr(is_negative, mark - is_negative);
  const size_t point = mantissa.find('.');
  std::string digits(mantissa);
  long long power = mark == std::string_view::npos ? 0 : std::stoll(std::string(text.substr(mark + 1)));
  if (point != std::string_view::npos) {
    digits.erase(point, 1);
    power -= static_cast<long long>(mantissa.size() - point - 1);
  }
  digits.erase(0, digits.find_first_not_of('0'));
  if (digits.empty()) return "0";
  const size_t zeros = digits.size() - 1 - digits.find_last_not_of('0');
  digits.resize(digits.size() - zeros);
  power += static_cast<long long>(zeros);
  return (is_negative ? "-" : "") + digits + (power == 0 ? "" : "e" + std::to_string(power));
}

// What nlohmann's parser calls. Containers are written when they end, since members are sorted by then.
class Reader {
 public:
  explicit Reader(const SeeText* see) : see_(see) {}

  bool null() { return put("null"); }
  bool boolean(bool value) { return put(value ? "true" : "false"); }
  bool number_integer(json::number_integer_t value) { return number(std::to_string(value)); }
  bool number_unsigned(json::number_unsigned_t value) { return number(std::to_string(value)); }
  bool number_float(json::number_float_t, const std::string& text) { return number(text); }
  bool string(std::string& value) {
    show(path(), value);
    return put(quoted(value));
  }
  bool binary(json::binary_t&) { return false; }
  bool key(std::string& name) {
    Frame& frame = frames_.back();
    if (frame.members.contains(name)) return refuse("member \"" + name + "\" stands there twice");
    frame.name = name;
    show(path(), name);
    return true;
  }
  bool start_object(size_t) { return begin(true); }
  bool start_array(size_t) { return begin(false); }
  bool end_object() {
    std::string text = "{";
    for (const auto& [name, value] : frames_.back().members)
      text += (text.size() > 1 ? "," : "") + quoted(name) + ":" + value;
    return end(text + "}");
  }
  bool end_array() { return end("[" + frames_.back().items + "]"); }
  bool parse_error(size_t, const std::string&, const json::exception& why) { return refuse(why.what()); }

  Result<std::string> result() && {
    if (problem_.empty()) return std::move(whole_);
    return Error{Code::invalid_parameter, "the JSON cannot be read: " + problem_,
                 "Each member once, at most 64 levels, numbers below 1e308."};
  }

 private:
  struct Frame {
    bool is_object = false;
    std::string name;  // of the member that comes
    std::map<std::string, std::string> members;
    std::string items;
    int count = 0;
  };

  static std::string quoted(const std::string& text) { return json(text).dump(); }

  bool refuse(std::string problem) {
    problem_ = std::move(problem);
    return false;
  }
  bool number(const std::string& text) {
    show(path(), text);
    return put(canonical_number(text));
  }
  bool begin(bool is_object) {
    if (frames_.size() == deepest) return refuse("it is nested deeper than 64");
    frames_.push_back({is_object, {}, {}, {}, 0});
    return true;
  }
  bool end(const std::string& text) {
    frames_.pop_back();
    return put(text);
  }
  bool put(const std::string& text) {
    if (frames_.empty()) {
      whole_ = text;
    } else if (Frame& frame = frames_.back(); frame.is_object) {
      frame.members[frame.name] = text;
    } else {
      frame.items += (frame.count++ > 0 ? "," : "") + text;
    }
    return true;
  }
  std::string path() const {
    if (see_ == nullptr) return {};
    std::string path;
    for (const Frame& frame : frames_)
      path +=
          frame.is_object ? (path.empty() ? "" : ".") + frame.name : "[" + std::to_string(frame.count) + "]";
    return path;
  }
  void show(const std::string& where, std::string_view text) const {
    if (see_ != nullptr) (*see_)(where, text);
  }

  const SeeText* see_;
  std::vector<Frame> frames_;
  std::string whole_, problem_;
};

Result<std::string> read(std::string_view text, const SeeText* see) {
  Reader reader(see);
  json::sax_parse(text, &reader);
  return std::move(reader).result();
}

}  // namespace

Result<std::string> canonical_json(std::string_view json) {
  return read(json, nullptr);
}

Result<bool> for_each_text(std::string_view json, const SeeText& see) {
  const auto read_text = read(json, &see);
  if (!read_text) return read_text.error();
  return true;
}

}  // namespace tenfold
