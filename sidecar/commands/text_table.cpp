#include "commands/text_table.hpp"

#include <algorithm>

#include "base/json_text.hpp"

namespace tenfold::sidecar {
namespace {

using Row = std::vector<std::string>;

size_t width_of(std::string_view text) {
  size_t width = 0;
  for (; !text.empty(); width++) text.remove_prefix(std::max<size_t>(utf8_length(text), 1));
  return width;
}

std::string printable(std::string text) {
  for (char& letter : text)
    if (static_cast<unsigned char>(letter) < 0x20 || letter == 0x7f) letter = '?';
  return text;
}

bool is_number(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789.-") == std::string::npos;
}

struct Column {
  size_t width;
  bool is_right;
};

Column column_of(const std::string& name, const std::vector<Row>& rows, size_t number) {
  Column column{width_of(name), !rows.empty()};
  for (const Row& row : rows) {
    column.width = std::max(column.width, width_of(row[number]));
    column.is_right = column.is_right && (row[number].empty() || is_number(row[number]));
  }
  return column;
}

std::string line_of(const Row& cells, const std::vector<Column>& columns) {
  std::string line;
  for (size_t i = 0; i < cells.size(); i++) {
    const std::string gap(columns[i].width - width_of(cells[i]), ' ');
    if (i > 0) line += "  ";
    line += columns[i].is_right ? gap + printable(cells[i]) : printable(cells[i]) + gap;
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line + '\n';
}

}  // namespace

std::string text_table(const Row& names, const std::vector<Row>& rows) {
  std::vector<Column> columns;
  for (size_t i = 0; i < names.size(); i++) columns.push_back(column_of(names[i], rows, i));
  std::string text = line_of(names, columns);
  for (const Row& row : rows) text += line_of(row, columns);
  return text;
}

}  // namespace tenfold::sidecar
