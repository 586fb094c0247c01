#include "kernel/cache_recipe.hpp"

#include <algorithm>
#include <charconv>

namespace tenfold {
namespace {

constexpr std::string_view blanks = " \t\r\n";

Error wrong(const std::string& what) {
  return {Code::invalid_parameter, what,
          "The first line of a cached function's body is like: -- keep 300 s; tags hotel, hotel:{country}"};
}

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

// What comes before the separator; the text is left with what comes after it.
std::string_view cut(std::string_view& text, char separator) {
  const size_t at = text.find(separator);
  const std::string_view part = text.substr(0, at);
  text = at == std::string_view::npos ? std::string_view{} : text.substr(at + 1);
  return trimmed(part);
}

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text = trimmed(text.substr(prefix.size()));
  return true;
}

Result<int32_t> parse_seconds(std::string_view text) {
  int32_t seconds = -1;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  const std::string_view unit = trimmed({end, text.data() + text.size()});
  if (failure != std::errc{} || unit != "s" || seconds < 0 || seconds > CacheRecipe::longest)
    return wrong("\"keep " + std::string(text) + "\" is not 0 s to " + std::to_string(CacheRecipe::longest) +
                 " s");
  return seconds;
}

Result<CacheRecipe::Tag> parse_tag(std::string_view text, std::span<const std::string> arguments) {
  const size_t brace = text.find('{');
  if (text.empty()) return wrong("a tag is empty");
  if (brace == std::string_view::npos) return CacheRecipe::Tag{std::string(text)};
  const std::string_view name = text.ends_with('}') ? text.substr(brace + 1, text.size() - brace - 2) : "";
  const auto found = std::ranges::find(arguments, name);
  if (name.empty() || found == arguments.end())
    return wrong("tag \"" + std::string(text) + "\" does not end with an {argument} of the function");
  return CacheRecipe::Tag{std::string(text.substr(0, brace)), static_cast<int>(found - arguments.begin())};
}

}  // namespace

Result<CacheRecipe> parse_recipe(std::string_view body, std::span<const std::string> arguments) {
  CacheRecipe recipe;
  body = trimmed(body);
  std::string_view line = cut(body, '\n');
  if (!take_prefix(line, "--") || !take_prefix(line, "keep "))
    return wrong("the body does not begin with \"-- keep\"");
  const auto seconds = parse_seconds(cut(line, ';'));
  if (!seconds) return seconds.error();
  recipe.seconds = *seconds;
  while (!line.empty()) {
    std::string_view part = cut(line, ';');
    if (part == "link next") {
      recipe.links_next = true;
      continue;
    }
    if (!take_prefix(part, "tags "))
      return wrong("\"" + std::string(part) + "\" is neither tags nor link next");
    while (!part.empty()) {
      const auto tag = parse_tag(cut(part, ','), arguments);
      if (!tag) return tag.error();
      recipe.tags.push_back(*tag);
    }
  }
  if (recipe.tags.size() > CacheRecipe::most_tags)
    return wrong(std::to_string(recipe.tags.size()) + " tags are more than " +
                 std::to_string(CacheRecipe::most_tags));
  return recipe;
}

}  // namespace tenfold
