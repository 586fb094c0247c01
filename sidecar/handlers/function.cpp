#include "handlers/function.hpp"

#include <re2/re2.h>

#include <memory>

#include "base/json_text.hpp"

namespace tenfold::sidecar {
namespace {

Task<Effects> call(const Statement& statement, const Event& event) {
  Effects effects;
  effects.statements.push_back({&statement, arguments_of(event.id, event.topic, event.key, event.payload,
                                                         json_object(event.headers))});
  auto& arguments = effects.statements.back().arguments;
  if (event.key.empty()) arguments[2] = {};
  if (event.payload.empty()) arguments[3] = {};
  co_return effects;
}

}  // namespace

// Not prepared: that is done as the login, which need not know the schema.
Result<Handler> function_handler(const std::string& function) {
  static const RE2 name("[a-z_][a-z0-9_]*\\.[a-z_][a-z0-9_]*");
  if (!RE2::FullMatch(function, name))
    return Error{Code::invalid_parameter, "\"" + function + "\" is no name of a function",
                 "write schema.function, in lower case"};
  const auto statement =
      std::make_shared<Statement>("SELECT " + function + "($1, $2, $3, $4, $5)", Statement::Keep::once);
  return Handler([statement](Delivery& delivery) { return call(*statement, delivery.event()); });
}

}  // namespace tenfold::sidecar
