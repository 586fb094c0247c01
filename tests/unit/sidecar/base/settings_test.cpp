#include "base/settings.hpp"

#include <gtest/gtest.h>

namespace tenfold::sidecar {
namespace {

using Kind = SettingKind;

const std::vector<SettingRow> rows = {
    {"a.text", Kind::text, "t", ""},
    {"a.flag", Kind::flag, "off", ""},
    {"a.number", Kind::number, "5", "", 1, 10},
    {"b.wait_time", Kind::duration, "2s", ""},
    {"b.size", Kind::size, "1kB", ""},
    {"b.secret", Kind::secret, "", ""},
    {"b.choice", Kind::choice, "x", "", 0, INT64_MAX, {"x", "y"}},
};

Result<Settings> with(const std::string& name, const std::string& text) {
  const std::vector<SettingLayer> layers{{"here", {{name, text}}}};
  return Settings::merge(rows, layers);
}

TEST(settings, defaults) {
  const auto settings = Settings::merge(rows, {});
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->text("a.text"), "t");
  EXPECT_FALSE(settings->flag("a.flag"));
  EXPECT_EQ(settings->number("a.number"), 5);
  EXPECT_EQ(settings->duration("b.wait_time").count(), 2000);
  EXPECT_EQ(settings->size("b.size"), 1024U);
  EXPECT_THROW((void)settings->text("nothing"), std::logic_error);
}

TEST(settings, later_layers_win) {
  const std::vector<SettingLayer> layers{{"file", {{"a.text", "1"}, {"a.flag", "on"}}},
                                         {"flag", {{"a.text", "2"}}}};
  const auto settings = Settings::merge(rows, layers);
  EXPECT_EQ(settings->text("a.text"), "2");
  EXPECT_TRUE(settings->flag("a.flag"));
}

TEST(settings, units) {
  EXPECT_EQ(with("b.wait_time", "3min")->duration("b.wait_time").count(), 180'000);
  EXPECT_EQ(with("b.wait_time", "250 ms")->duration("b.wait_time").count(), 250);
  EXPECT_EQ(with("b.size", "2MB")->size("b.size"), 2097152U);
  EXPECT_EQ(with("b.size", "7")->size("b.size"), 7U);
}

TEST(settings, what_does_not_fit_its_row) {
  for (const auto& [name, text] :
       std::vector<std::pair<std::string, std::string>>{{"a.flag", "maybe"},
                                                        {"a.number", "0"},
                                                        {"a.number", "11"},
                                                        {"a.number", "5x"},
                                                        {"a.number", ""},
                                                        {"b.wait_time", "5"},
                                                        {"b.size", "1TB"},
                                                        {"b.wait_time", "-1s"},
                                                        {"b.choice", "z"},
                                                        {"b.size", "9223372036854775807kB"}}) {
    const auto settings = with(name, text);
    ASSERT_FALSE(settings) << name << " = " << text;
    EXPECT_NE(settings.error().message.find(name), std::string::npos);
    EXPECT_NE(settings.error().message.find("here"), std::string::npos);
  }
}

TEST(settings, an_unknown_one_names_the_nearest) {
  const auto settings = with("a.numbr", "1");
  ASSERT_FALSE(settings);
  EXPECT_NE(settings.error().hint.find("a.number"), std::string::npos);
}

TEST(settings, secrets_are_not_printed) {
  const std::vector<SettingLayer> layers{
      {"here", {{"b.secret", "geheim"}, {"a.text", "host=h password='gehe im' user=u"}}}};
  const std::string text = Settings::merge(rows, layers)->print();
  EXPECT_EQ(text.find("gehe"), std::string::npos);
  EXPECT_NE(text.find("user=u"), std::string::npos);
  EXPECT_NE(text.find("a.number = '5'  # default"), std::string::npos);
}

TEST(settings, an_invalid_secret_is_not_told) {
  const std::vector<SettingRow> secret{{"s", Kind::secret, "", ""}};
  const std::vector<SettingLayer> layers{{"here", {{"s", "geheim"}}}};
  EXPECT_TRUE(Settings::merge(secret, layers));
}

TEST(environment, names) {
  EXPECT_EQ(environment_name("b.wait_time"), "TENFOLD_B_WAIT_TIME");
}

TEST(environment, takes_ours_and_passes_over_others) {
  const std::vector<std::string> variables{"PATH=/bin", "TENFOLD_B_WAIT_TIME=1s", "TENFOLD_CONFIG=x",
                                           "TENFOLD_A_TEXT=a=b"};
  const auto layer = read_environment(variables, rows);
  ASSERT_TRUE(layer);
  EXPECT_EQ(layer->values, (std::map<std::string, std::string>{{"b.wait_time", "1s"}, {"a.text", "a=b"}}));
}

TEST(environment, an_unknown_variable) {
  const std::vector<std::string> variables{"TENFOLD_A_TXT=1"};
  const auto layer = read_environment(variables, rows);
  ASSERT_FALSE(layer);
  EXPECT_NE(layer.error().hint.find("TENFOLD_A_TEXT"), std::string::npos);
}

TEST(toml, tables_become_dots) {
  const auto layer = read_toml("x = 1\n[a]\ntext = \"t\"\nflag = true\n[a.b]\nc = -5\n", "file f");
  ASSERT_TRUE(layer);
  EXPECT_EQ(layer->values, (std::map<std::string, std::string>{
                               {"x", "1"}, {"a.text", "t"}, {"a.flag", "on"}, {"a.b.c", "-5"}}));
}

TEST(toml, what_is_none) {
  EXPECT_FALSE(read_toml("[a", "file f"));
  EXPECT_FALSE(read_toml("a = [1]", "file f"));
  EXPECT_FALSE(read_toml("a = 1.5", "file f"));
}

TEST(nearest, fewest_edits) {
  const std::vector<std::string> words{"gateway.listen", "admin.listen", "log.level"};
  EXPECT_EQ(nearest_word("gatway.listn", words), "gateway.listen");
  EXPECT_EQ(nearest_word("loglevel", words), "log.level");
  EXPECT_EQ(nearest_word("x", {}), "");
}

}  // namespace
}  // namespace tenfold::sidecar
