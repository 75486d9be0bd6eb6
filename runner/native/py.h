// Owning references to Python objects, and objects that hold a C++ value. Everything here needs the GIL.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <cstddef>
#include <new>
#include <string_view>
#include <utility>

namespace bimodal::runner {

// One reference, given back when destroyed. Null means "none", or "a Python error is set" where a function says so.
class Ref {
 public:
  Ref() = default;
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Ref& operator=(Ref&& other) noexcept {
    Ref old(std::move(*this));
    object_ = std::exchange(other.object_, nullptr);
    return *this;
  }
  ~Ref() { Py_XDECREF(object_); }

  // Takes over a reference that the caller owns ("new reference" in Python's manual).
  static Ref steal(PyObject* object) {
    Ref ref;
    ref.object_ = object;
    return ref;
  }
  // Adds a reference to an object that somebody else owns.
  static Ref borrow(PyObject* object) {
    Py_XINCREF(object);
    return steal(object);
  }

  PyObject* get() const { return object_; }
  PyObject* release() { return std::exchange(object_, nullptr); }
  explicit operator bool() const { return object_ != nullptr; }
  void reset() { *this = Ref(); }

 private:
  PyObject* object_ = nullptr;
};

inline PyObject* none() {
  Py_INCREF(Py_None);
  return Py_None;
}

// A Python object of a heap type that collects garbage, with a C++ value inside. T has `int traverse(visitproc, void*)`
// and `void clear()` for the collector.
template <class T>
struct Object {
  PyObject_HEAD;
  T value;

  // Where it lies. offsetof() is for standard layouts only.
  static constexpr std::size_t value_offset() { return (sizeof(PyObject) + alignof(T) - 1) / alignof(T) * alignof(T); }

  static T& of(PyObject* object) { return reinterpret_cast<Object*>(object)->value; }

  // Null with a Python error set when there is no memory.
  template <class... Args>
  static Ref create(PyObject* type, Args&&... args) {
    PyObject* object = PyType_GenericAlloc(reinterpret_cast<PyTypeObject*>(type), 0);
    if (object != nullptr) new (&of(object)) T(std::forward<Args>(args)...);
    return Ref::steal(object);
  }

  static void dealloc(PyObject* object) {
    PyTypeObject* type = Py_TYPE(object);
    PyObject_GC_UnTrack(object);
    of(object).~T();
    PyObject_GC_Del(object);
    Py_DECREF(type);
  }

  static int traverse(PyObject* object, visitproc visit, void* arg) {
    Py_VISIT(Py_TYPE(object));
    return of(object).traverse(visit, arg);
  }

  static int clear(PyObject* object) {
    of(object).clear();
    return 0;
  }
};

// The Python object around `value`, which must live inside an Object<T>.
template <class T>
PyObject* object_of(T* value) {
  return reinterpret_cast<PyObject*>(reinterpret_cast<char*>(value) - Object<T>::value_offset());
}

inline PyObject* bytes_from(std::string_view text) {
  return PyBytes_FromStringAndSize(text.data(), static_cast<Py_ssize_t>(text.size()));
}

inline Ref import_attribute(const char* module, const char* name) {
  Ref imported = Ref::steal(PyImport_ImportModule(module));
  return imported ? Ref::steal(PyObject_GetAttrString(imported.get(), name)) : Ref();
}

// Turns a Python error that nobody can receive into text on stderr, named after where it happened.
inline void report_unraisable(PyObject* where) {
  if (PyErr_Occurred() != nullptr) PyErr_WriteUnraisable(where);
}

}  // namespace bimodal::runner
