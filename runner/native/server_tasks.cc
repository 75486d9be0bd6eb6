// How Server makes the asyncio tasks of requests, and starts them without a detour through the loop's queue.
#include "names.h"
#include "request.h"
#include "server.h"
#include "wsgi_request.h"

namespace bimodal::runner {

// A task asks its loop's call_soon to run its first step in the next turn. While tasks are made, an attribute of the
// loop object shadows that method and collects the steps; then they are run here, which saves a handle per request and
// a turn of the loop per batch. asyncio's own eager tasks do the same from Python 3.12 on, without a way to do it for
// coroutines in general before. A loop that already has such an attribute, or can't have one, is left alone.
bool Server::prepare_tasks() {
  Ref own = Ref::steal(PyObject_GetAttrString(loop(), "__dict__"));
  if (!own || PyMapping_HasKey(own.get(), names.call_soon_) != 0) {
    PyErr_Clear();
    return true;
  }
  task_type_ = import_attribute("asyncio", "Task");
  task_options_ = Ref::steal(Py_BuildValue("{sOss}", "loop", loop(), "name", "bimodal-request"));
  capture_ = Ref::steal(PyObject_GetAttrString(object_of(this), "_capture_step"));
  return task_type_ && task_options_ && capture_;
}

void Server::submit_threaded() {
  std::vector<Submission> submissions = std::move(submissions_);
  submissions_.clear();
  for (const Submission& one : submissions) {
    if (Ref::steal(PyObject_CallFunctionObjArgs(one.submit.get(), one.request.get(), nullptr))) continue;
    report_unraisable(one.submit.get());
    Object<WsgiRequest>::of(one.request.get()).end("the request could not be given to a thread");
  }
}

bool Server::begin_tasks() {
  if (!submissions_.empty()) submit_threaded();
  if (begun_.empty()) return true;
  std::vector<Ref> requests = std::move(begun_);
  begun_.clear();
  make_tasks(requests);
  std::vector<Step> steps = std::move(steps_);
  steps_.clear();
  PyObject *type = nullptr, *value = nullptr, *traceback = nullptr;
  for (const Step& step : steps) {
    Ref result = Ref::steal(PyObject_CallMethodObjArgs(step.context.get(), names.run_, step.callback.get(), nullptr));
    if (result) continue;
    // KeyboardInterrupt and SystemExit end the loop, but first the other tasks get their step.
    if (type == nullptr) {
      PyErr_Fetch(&type, &value, &traceback);
    } else {
      report_unraisable(step.callback.get());
    }
  }
  if (type == nullptr) return true;
  PyErr_Restore(type, value, traceback);
  return false;
}

void Server::make_tasks(const std::vector<Ref>& requests) {
  const bool captured = task_type_ && PyObject_SetAttr(loop(), names.call_soon_, capture_.get()) == 0;
  for (const Ref& object : requests) {
    Request& request = Object<Request>::of(object.get());
    Ref task = make_task(object.get());
    if (task) {
      request.set_task(std::move(task));
    } else {
      report_unraisable(object.get());
      Ref::steal(request.close());
    }
  }
  if (captured && PyObject_SetAttr(loop(), names.call_soon_, nullptr) == 0) return;
  report_unraisable(loop());
}

Ref Server::make_task(PyObject* request) {
  if (!task_type_) return Ref::steal(PyObject_CallMethodObjArgs(loop(), names.create_task_, request, nullptr));
  Ref args = Ref::steal(PyTuple_Pack(1, request));
  return args ? Ref::steal(PyObject_Call(task_type_.get(), args.get(), task_options_.get())) : Ref();
}

void Server::capture_step(PyObject* step, PyObject* context) {
  steps_.push_back({Ref::borrow(step), Ref::borrow(context)});
}

}  // namespace bimodal::runner
