#include "kernel/jwt.hpp"

#include "pg/datum.hpp"
#include "pg/guard.hpp"
#include "pg/private_file.hpp"
#include "pg/settings.hpp"

namespace pg = tenfold::pg;
using tenfold::Code;
using tenfold::Error;
using tenfold::Failure;

namespace {

Failure no_key(const std::string& why, std::string hint) {
  return {{Code::no_signing_key, "tokens cannot be signed: " + why, std::move(hint)}};
}

// Read anew each time: bcrypt, which comes before, takes a thousand times as long, and a rotation needs no
// signal.
tenfold::Key signing_key() {
  const std::string path = pg::settings.jwks_file;
  if (path.empty())
    throw no_key("tenfold.jwks_file is not set", "make one: tenfold rotate-secret --jwks=FILE; then set it");
  const auto text = pg::read_private_file(path, "tenfold.jwks_file");
  if (const auto* problem = std::get_if<pg::FileProblem>(&text)) throw no_key(problem->why, problem->hint);
  auto keys = tenfold::parse_keys(std::get<std::string>(text)).value();
  if (keys.empty()) throw no_key("\"" + path + "\" holds no key", "tenfold rotate-secret makes one");
  return keys.front();
}

}  // namespace

TF_FUNCTION(tf_sign_jwt) {
  return pg::datum(tenfold::sign_jwt(args.get<std::string_view>(0, "claims"), signing_key()));
}
