// Files that come as blocks: the upload of the client's second file system (VolumePutFiles2). A block's checksum and
// its upload leave the zeros at its end out. Thread-safe; everything here blocks.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "control/api.h"
#include "store/blobs.h"

namespace bimodal::control {

struct BlockFile {
  std::string path;  // normal
  std::uint64_t size = 0;
  unsigned mode = 0644;
  std::vector<std::string> blocks;  // SHA-256 in hex
};

struct MissingBlock {
  std::size_t file = 0, block = 0;
  std::string sha256;
};

// InvalidArgument when paths, sizes and numbers of blocks don't go together.
Result<std::vector<BlockFile>> block_files(const api::VolumePutFiles2Request& request);

// Each content once.
std::vector<MissingBlock> missing_blocks(store::Blobs& blobs, const std::vector<BlockFile>& files);

// Makes one blob of the blocks, which must be there, and returns its SHA-256.
Result<std::string> assemble(store::Blobs& blobs, const BlockFile& file);

}  // namespace bimodal::control
