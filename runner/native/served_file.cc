#include "served_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace bimodal::runner {

std::unique_ptr<ServedFile> ServedFile::open(PyObject* path) {
  PyObject* encoded = nullptr;
  if (PyUnicode_FSConverter(path, &encoded) == 0) return nullptr;
  Ref bytes = Ref::steal(encoded);
  const char* name = PyBytes_AsString(bytes.get());
  if (name[0] != '/') {
    PyErr_Format(PyExc_ValueError, "http.response.pathsend needs an absolute path, not %R", path);
    return nullptr;
  }
  const int descriptor = ::open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);  // no pipe holds it up
  struct stat status;
  if (descriptor < 0 || ::fstat(descriptor, &status) < 0) {
    PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, path);
    if (descriptor >= 0) ::close(descriptor);
    return nullptr;
  }
  if (!S_ISREG(status.st_mode)) {
    ::close(descriptor);
    PyErr_Format(PyExc_ValueError, "http.response.pathsend needs a regular file, which %R is not", path);
    return nullptr;
  }
  ::posix_fadvise(descriptor, 0, 0, POSIX_FADV_SEQUENTIAL);
  return std::unique_ptr<ServedFile>(new ServedFile(descriptor, static_cast<std::uint64_t>(status.st_size)));
}

ServedFile::~ServedFile() {
  ::close(descriptor_);
}

Ref ServedFile::read(std::size_t size) {
  Ref piece = Ref::steal(PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(size)));
  if (!piece) return piece;
  char* out = PyBytes_AsString(piece.get());
  for (std::size_t done = 0; done < size;) {
    const ssize_t count = ::read(descriptor_, out + done, size - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) PyErr_SetFromErrno(PyExc_OSError);
    if (count == 0) PyErr_SetString(PyExc_OSError, "a file became shorter while it was sent");
    if (count <= 0) return Ref();
    done += static_cast<std::size_t>(count);
  }
  left_ -= size;
  return piece;
}

}  // namespace bimodal::runner
