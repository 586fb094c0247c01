// What a call to a provider taught us, as a class, and what each class means for the payment: one table.
#pragma once

#include "kernel/wall.hpp"

#include <optional>
#include <span>
#include <string_view>

namespace tenfold::payment {

enum class Class {
  authorized,
  succeeded,
  voided,  // not the operation that voids: what was held is not held any more
  requires_action,
  approved,    // the customer has acted, and the provider waits for our next call
  processing,  // it works on it, and will tell
  declined,
  rejected,
  not_sent,
  busy,
  ambiguous,
  not_found,
  hint,  // something happened there, and only a question tells what
};

struct ClassRow {
  Class name;
  const char* text;
  bool is_definite;  // the operation has ended: nobody needs to ask
  bool try_again;    // certainly not executed: the same key, after a pause
  bool other_route;  // … and another provider may be asked
  bool ask;          // it may have been executed: ask by our reference, never another provider
  bool alarm;        // somebody must look: the fault is ours
  const char* meaning;
};

std::span<const ClassRow> classes();
const ClassRow& row_of(Class name);
std::optional<Class> class_of(std::string_view text);

// How far a call came.
enum class Reach { not_sent, perhaps, answered };

// What the end of a call means before anybody has read its body. Nothing: the body tells.
std::optional<Class> class_of_end(Reach reach, int status);

}  // namespace tenfold::payment
