// Task<T>: a coroutine of Boost.Asio. Rules that no compiler checks stand in STYLE.md, "Coroutines".
#pragma once

#include <boost/asio/awaitable.hpp>

namespace bimodal {

template <typename T = void>
using Task = boost::asio::awaitable<T>;

}  // namespace bimodal
