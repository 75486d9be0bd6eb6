#include "async/scope.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/system/system_error.hpp>
#include <list>

#include "async/pulse.h"
#include "base/check.h"
#include "base/log.h"

namespace bimodal {

namespace asio = boost::asio;

struct Scope::State {
  State(asio::any_io_executor executor, std::string name)
      : executor(executor), name(std::move(name)), emptied(executor) {}
  asio::any_io_executor executor;
  std::string name;
  Pulse emptied;
  std::list<asio::cancellation_signal> running;
  bool closing = false;
};

Scope::Scope(asio::any_io_executor executor, std::string name)
    : state_(std::make_shared<State>(std::move(executor), std::move(name))) {}

Scope::~Scope() = default;

std::size_t Scope::size() const {
  return state_->running.size();
}

void Scope::spawn(Task<void> task) {
  if (state_->closing) return;
  auto entry = state_->running.emplace(state_->running.end());
  auto finish = [state = state_, entry](std::exception_ptr failure) {
    if (failure) {
      try {
        std::rethrow_exception(failure);
      } catch (const boost::system::system_error& thrown) {
        if (thrown.code() != asio::error::operation_aborted) log::error("{}: {}", state->name, thrown.what());
      } catch (const std::exception& thrown) {
        log::error("{}: {}", state->name, thrown.what());
      }
    }
    state->running.erase(entry);
    if (state->running.empty()) state->emptied.notify_all();
  };
  asio::co_spawn(state_->executor, std::move(task), asio::bind_cancellation_slot(entry->slot(), std::move(finish)));
}

Task<void> Scope::close() {
  auto state = state_;
  state->closing = true;
  for (auto it = state->running.begin(); it != state->running.end();) {
    auto current = it++;
    current->emit(asio::cancellation_type::terminal);
  }
  while (!state->running.empty()) co_await state->emptied.wait(Deadline::never());
}

}  // namespace bimodal
