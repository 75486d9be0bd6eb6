#include "tls/socket_bio.h"

#include <openssl/bio.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>

#include "base/check.h"

namespace bimodal::tls {
namespace {

int descriptor(BIO* bio) {
  return static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio)));
}

bool is_passing(int failure) {
  return failure == EAGAIN || failure == EINTR;
}

int write_socket(BIO* bio, const char* bytes, std::size_t size, std::size_t* written) {
  BIO_clear_retry_flags(bio);
  const ssize_t taken = ::send(descriptor(bio), bytes, size, MSG_NOSIGNAL);
  if (taken < 0 && is_passing(errno)) BIO_set_retry_write(bio);
  *written = taken > 0 ? static_cast<std::size_t>(taken) : 0;
  return taken > 0 ? 1 : 0;
}

int read_socket(BIO* bio, char* into, std::size_t size, std::size_t* got) {
  BIO_clear_retry_flags(bio);
  const ssize_t received = ::recv(descriptor(bio), into, size, 0);
  if (received < 0 && is_passing(errno)) BIO_set_retry_read(bio);
  if (received == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  *got = received > 0 ? static_cast<std::size_t>(received) : 0;
  return received > 0 ? 1 : 0;
}

long control(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_EOF) return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
  return command == BIO_CTRL_FLUSH || command == BIO_CTRL_DUP ? 1 : 0;
}

int create(BIO* bio) {
  BIO_set_init(bio, 1);
  return 1;
}

BIO_METHOD* make_method() {
  BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "bimodal socket");
  CHECK(method != nullptr);
  BIO_meth_set_write_ex(method, &write_socket);
  BIO_meth_set_read_ex(method, &read_socket);
  BIO_meth_set_ctrl(method, &control);
  BIO_meth_set_create(method, &create);
  return method;
}

}  // namespace

bio_st* new_socket_bio(int fd) {
  static BIO_METHOD* const method = make_method();
  BIO* bio = BIO_new(method);
  CHECK(bio != nullptr);
  BIO_set_data(bio, reinterpret_cast<void*>(static_cast<std::intptr_t>(fd)));
  return bio;
}

}  // namespace bimodal::tls
