// Versions of the packages in the runtime layer's FastAPI fallback: what `fastapi[standard]` serves with, without its
// command line tools. They must agree with the client's own pins (modal/builder/2025.06.txt), which come first on
// sys.path and give typing_extensions, idna, certifi and protobuf.
#pragma once

#include <array>
#include <string_view>

namespace bimodal::image {

inline constexpr std::array<std::string_view, 32> kFastapiPins = {
    "annotated-doc==0.0.7",
    "annotated-types==0.8.0",
    "anyio==4.14.2",
    "click==8.5.1",
    "dnspython==2.9.2",
    "email-validator==2.4.0",
    "fastapi==0.165.0",
    "h11==0.16.0",
    "httpcore==1.0.9",
    "httpcore2==2.3.0",
    "httptools==0.9.0",
    "httpx==0.28.1",
    "httpx2==2.3.0",
    "itsdangerous==2.2.0",
    "Jinja2==3.1.6",
    "MarkupSafe==3.0.4",
    "opentelemetry-api==1.45.2",
    "pydantic==2.11.10",
    "pydantic-extra-types==2.11.1",
    "pydantic-settings==2.16.3",
    "pydantic_core==2.33.2",
    "python-dotenv==1.2.4",
    "python-multipart==0.0.34",
    "PyYAML==6.0.3",
    "starlette==1.10.0",
    "truststore==0.10.5",
    "typing-inspection==0.4.2",
    "uvicorn==0.54.0",
    "uvloop==0.23.0",
    "watchfiles==1.3.0",
    "websockets==17.4",
    "sniffio==1.3.1",
};

// The builder version whose pins the client's package carries for what it needs inside a container.
inline constexpr std::string_view kClientPins = "modal/builder/2025.06.txt";

}  // namespace bimodal::image
