// Parameters of classes and their values, between the client's form and the product's. Pure functions.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "control/api.h"
#include "model/class_parameters.h"

namespace bimodal::control {

// None for a class without modal.parameter(). InvalidArgument names a parameter of a type that no URL can carry.
Result<std::vector<model::ClassParameter>> class_parameters(const api::ClassParameterInfo& info);

// The other way round, defaults where a parameter is missing. InvalidArgument names one that has neither, is of another
// type, or isn't one of `parameters`.
Result<model::ClassArguments> class_arguments(
    const std::vector<model::ClassParameter>& parameters, const std::string& serialized);

// What the container's client reads from ContainerArguments.serialized_params: a ClassParameterSet. `arguments` has a
// value for each of `parameters`.
std::string serialized_params(
    const std::vector<model::ClassParameter>& parameters, const model::ClassArguments& arguments);

}  // namespace bimodal::control
