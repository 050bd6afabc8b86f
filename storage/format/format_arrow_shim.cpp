/*
 * format_arrow_shim.cpp
 *
 * Parquet through Arrow C++, behind the C face of format_arrow_shim.h. This
 * part holds what reading and writing share: the guard that turns every
 * exception into a code, the memory pool over the host's hooks, and the two
 * file objects. The reader (four parts) and the writer are .inc files
 * included at the end, so that one translation unit makes the library.
 *
 * Rows never pass through Arrow arrays: columns are decoded by Parquet's
 * typed column readers into plain C arrays (PmnVector) and encoded from them.
 *
 * Invariants: no exception leaves an entry point; no Arrow call that aborts
 * the process (ValueOrDie) is used; nothing starts a thread; every byte that
 * a file's content can ask for comes from the limited pool.
 */
#include <algorithm>
#include <cstring>
#include <list>
#include <map>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <arrow/buffer.h>
#include <arrow/io/interfaces.h>
#include <arrow/memory_pool.h>
#include <arrow/result.h>
#include <arrow/status.h>
#include <arrow/util/config.h>
#include <arrow/util/future.h>
#include <arrow/util/key_value_metadata.h>
#include <parquet/column_reader.h>
#include <parquet/column_writer.h>
#include <parquet/exception.h>
#include <parquet/file_reader.h>
#include <parquet/file_writer.h>
#include <parquet/metadata.h>
#include <parquet/page_index.h>
#include <parquet/properties.h>
#include <parquet/schema.h>
#include <parquet/statistics.h>
#include <parquet/types.h>

#include "format_arrow_shim.h"

namespace shim
{

using arrow::Result;
using arrow::Status;

/* A failure that carries its code; everything else gets one in guard(). */
class Failure : public std::exception
{
  public:
	Failure(PmnCode code, std::string message)
		: code_(code), message_(std::move(message))
	{
	}
	const char *
	what() const noexcept override
	{
		return message_.c_str();
	}
	PmnCode
	code() const noexcept
	{
		return code_;
	}

  private:
	PmnCode code_;
	std::string message_;
};

/*
 * Memory for Arrow, taken from the host and limited. In front of each aligned
 * block lies the address that the host gave, whether the host gave it, and how
 * large it is: Arrow cuts its buffers to size, which need not move them.
 *
 * Arrow's hash tables, which writers use, do not look at the status of their
 * first allocation. A pool that is_patient therefore answers from operator
 * new when the host has nothing left, and remembers; the caller must ask
 * host_failed() at the next safe place.
 *
 * A patient pool also keeps large blocks that Arrow gives back for the next
 * request. Writers make and drop buffers with every page, and each time the
 * system would clear new memory for them.
 */
class Pool final : public arrow::MemoryPool
{
  public:
	Pool(const PmnArrowHost &host, int64_t limit, bool is_patient)
		: host_(host), limit_(limit), is_patient_(is_patient)
	{
		if (is_patient)
			spares_.reserve(kSpares);
	}
	~Pool() override
	{
		for (uint8_t *block : spares_)
			give_back(origin_of(block));
	}

	using arrow::MemoryPool::Allocate;
	using arrow::MemoryPool::Free;
	using arrow::MemoryPool::Reallocate;

	Status
	Allocate(int64_t size, int64_t alignment, uint8_t **out) override
	{
		if (size < 0 || alignment <= 0)
			return Status::Invalid("negative size");
		if (size == 0)
		{
			*out = empty_;
			return Status::OK();
		}
		if (size > limit_ - used_)
		{
			limit_met_ = true;
			return Status::OutOfMemory("more than ", limit_, " bytes needed");
		}
		count_++;
		total_ += size;
		if (take_spare(size, alignment, out))
			return Status::OK();
		Origin origin = {nullptr, raw_size(size, alignment), size, true};
		origin.base = host_.allocate(host_.context, origin.raw_size);
		if (origin.base == nullptr && is_patient_)
		{
			host_failed_ = true;
			origin.base = ::operator new(origin.raw_size, std::nothrow);
			origin.from_host = false;
		}
		if (origin.base == nullptr)
			return Status::OutOfMemory("out of memory");
		auto address =
			reinterpret_cast<uintptr_t>(origin.base) + sizeof(Origin);
		address += (uintptr_t) alignment - 1;
		address -= address % (uintptr_t) alignment;
		*out = reinterpret_cast<uint8_t *>(address);
		std::memcpy(*out - sizeof(Origin), &origin, sizeof(Origin));
		use(size);
		return Status::OK();
	}

	Status
	Reallocate(int64_t old_size, int64_t new_size, int64_t alignment,
			   uint8_t **ptr) override
	{
		int64_t room = origin_of(*ptr).room;
		uint8_t *fresh = nullptr;

		if (new_size > 0 && new_size <= room && new_size >= room / 4)
			return Status::OK();
		ARROW_RETURN_NOT_OK(Allocate(new_size, alignment, &fresh));
		if (old_size > 0 && new_size > 0)
			std::memcpy(fresh, *ptr, (size_t) std::min(old_size, new_size));
		Free(*ptr, old_size, alignment);
		*ptr = fresh;
		return Status::OK();
	}

	void
	Free(uint8_t *buffer, int64_t, int64_t) override
	{
		if (buffer == nullptr || buffer == empty_)
			return;
		Origin origin = origin_of(buffer);
		used_ -= origin.room;
		if (!keep_spare(buffer, origin))
			give_back(origin);
	}

	int64_t
	bytes_allocated() const override
	{
		return used_;
	}
	int64_t
	max_memory() const override
	{
		return peak_;
	}
	int64_t
	total_bytes_allocated() const override
	{
		return total_;
	}
	int64_t
	num_allocations() const override
	{
		return count_;
	}
	std::string
	backend_name() const override
	{
		return "paimon";
	}
	bool
	host_failed() const noexcept
	{
		return host_failed_;
	}
	bool
	limit_met() const noexcept
	{
		return limit_met_;
	}
	int64_t
	limit() const noexcept
	{
		return limit_;
	}

  private:
	/* What is worth keeping, and how much of it. */
	static constexpr int64_t kSpareMin = 32 * 1024;
	static constexpr int64_t kSpareBytes = 32 * 1024 * 1024;
	static constexpr size_t kSpares = 128;

	struct Origin
	{
		void *base;
		size_t raw_size; /* of what the host gave */
		int64_t room;	 /* bytes of the block, used or not */
		bool from_host;
	};

	static size_t
	raw_size(int64_t size, int64_t alignment)
	{
		return (size_t) size + (size_t) alignment + sizeof(Origin);
	}

	Origin
	origin_of(const uint8_t *block) const
	{
		Origin origin = {};

		if (block != nullptr && block != empty_)
			std::memcpy(&origin, block - sizeof(Origin), sizeof(Origin));
		return origin;
	}

	void
	use(int64_t size)
	{
		used_ += size;
		peak_ = std::max(peak_, used_);
	}

	void
	give_back(const Origin &origin)
	{
		if (origin.from_host)
			host_.release(host_.context, origin.base, origin.raw_size);
		else
			::operator delete(origin.base);
	}

	bool
	keep_spare(uint8_t *block, const Origin &origin)
	{
		if (!is_patient_ || !origin.from_host || origin.room < kSpareMin ||
			origin.room > kSpareBytes - spare_bytes_ ||
			spares_.size() == kSpares)
			return false;
		spares_.push_back(block);
		spare_bytes_ += origin.room;
		return true;
	}

	/* The youngest spare block that is large enough but not far too large. */
	bool
	take_spare(int64_t size, int64_t alignment, uint8_t **out)
	{
		if (size < kSpareMin)
			return false;
		for (size_t i = spares_.size(); i-- > 0;)
		{
			int64_t room = origin_of(spares_[i]).room;

			if (room < size || room / 4 > size || room > limit_ - used_ ||
				reinterpret_cast<uintptr_t>(spares_[i]) % (size_t) alignment !=
					0)
				continue;
			*out = spares_[i];
			spares_.erase(spares_.begin() + (ptrdiff_t) i);
			spare_bytes_ -= room;
			use(room);
			return true;
		}
		return false;
	}

	PmnArrowHost host_;
	int64_t limit_;
	bool is_patient_;
	bool host_failed_ = false;
	int64_t used_ = 0;
	int64_t peak_ = 0;
	int64_t total_ = 0;
	int64_t count_ = 0;
	bool limit_met_ = false;
	std::vector<uint8_t *> spares_;
	int64_t spare_bytes_ = 0;
	alignas(64) uint8_t empty_[64] = {};
};

/* What both handles own. It must outlive everything that Arrow made. */
struct Base
{
	Base(const PmnArrowHost &from, int64_t limit, bool is_patient)
		: path(from.path), host(from), pool(from, limit, is_patient)
	{
		host.path = path.c_str();
	}
	std::string path;
	PmnArrowHost host;
	Pool pool;
	PmnCode host_code = PMN_OK; /* the first failure of a hook */
};

void
fill_error(PmnArrowError *error, PmnCode code, const char *what) noexcept
{
	size_t size = std::min(strlen(what), sizeof(error->message) - 1);

	error->code = code;
	memcpy(error->message, what, size);
	error->message[size] = '\0';
	for (size_t i = 0; i < size; i++)
		if ((unsigned char) error->message[i] < ' ')
			error->message[i] = ' ';
}

PmnCode
code_of_status(const Status &status, PmnCode otherwise) noexcept
{
	if (status.IsOutOfMemory())
		return PMN_NO_MEMORY;
	if (status.IsNotImplemented())
		return PMN_UNSUPPORTED;
	return otherwise;
}

/* The exception in flight becomes a code; call inside a catch block. */
PmnCode
code_of_exception(const Base *base, PmnCode otherwise,
				  PmnArrowError *error) noexcept
{
	try
	{
		const char *path = base != nullptr ? base->path.c_str() : "?";
		PmnCode code = otherwise;
		std::string text;

		try
		{
			throw;
		}
		catch (const Failure &e)
		{
			code = e.code();
			text = e.what();
		}
		catch (const std::bad_alloc &)
		{
			code = PMN_NO_MEMORY;
			text = "out of memory";
		}
		catch (const parquet::ParquetStatusException &e)
		{
			code = code_of_status(e.status(), otherwise);
			text = e.status().message();
		}
		catch (const std::exception &e)
		{
			text = e.what();
			if (text.rfind("Not yet implemented", 0) == 0)
				code = PMN_UNSUPPORTED;
		}
		catch (...)
		{
			text = "unknown exception";
		}
		if (base != nullptr && base->host_code != PMN_OK)
		{
			error->is_host = true;
			code = base->host_code;
		}
		else if (base != nullptr && base->pool.limit_met())
		{
			error->is_limit = true;
			code = PMN_NO_MEMORY;
		}
		text = std::string("file \"") + path + "\": " + text;
		fill_error(error, code, text.c_str());
		return code;
	}
	catch (...)
	{
		fill_error(error, PMN_NO_MEMORY, "out of memory");
		return PMN_NO_MEMORY;
	}
}

template <typename Body>
PmnCode
guard(const Base *base, PmnCode otherwise, PmnArrowError *error,
	  Body &&body) noexcept
{
	error->code = PMN_OK;
	error->is_host = false;
	error->is_limit = false;
	error->message[0] = '\0';
	try
	{
		body();
		return PMN_OK;
	}
	catch (...)
	{
		return code_of_exception(base, otherwise, error);
	}
}

/*
 * Memory of one array, zeroed when it is made: rows that are null must be
 * defined.
 */
class Block
{
  public:
	Block() = default;
	Block(const Block &) = delete;
	Block &operator=(const Block &) = delete;
	Block(Block &&from) noexcept
		: pool_(from.pool_), data_(from.data_), size_(from.size_)
	{
		from.data_ = nullptr;
		from.size_ = 0;
	}
	Block &
	operator=(Block &&from) noexcept
	{
		std::swap(pool_, from.pool_);
		std::swap(data_, from.data_);
		std::swap(size_, from.size_);
		return *this;
	}
	~Block()
	{
		if (data_ != nullptr)
			pool_->Free(data_, size_);
	}
	void
	make(Pool *pool, int64_t size, bool zeroed)
	{
		uint8_t *fresh = nullptr;

		PARQUET_THROW_NOT_OK(pool->Allocate(size, &fresh));
		if (zeroed)
			memset(fresh, 0, (size_t) size);
		if (data_ != nullptr)
			pool_->Free(data_, size_);
		pool_ = pool;
		data_ = fresh;
		size_ = size;
	}
	/* Make it larger; what is in it stays. */
	void
	extend(Pool *pool, int64_t size)
	{
		if (data_ == nullptr)
		{
			make(pool, size, false);
			return;
		}
		PARQUET_THROW_NOT_OK(pool_->Reallocate(size_, size, &data_));
		size_ = size;
	}
	uint8_t *
	data() const
	{
		return data_;
	}
	int64_t
	size() const
	{
		return size_;
	}
	template <typename T>
	T *
	as() const
	{
		return reinterpret_cast<T *>(data_);
	}

  private:
	Pool *pool_ = nullptr;
	uint8_t *data_ = nullptr;
	int64_t size_ = 0;
};

/* Files up to this size are fetched by one request when opened. */
constexpr int64_t kWholeFileBytes = 256 * 1024;

/* Bytes of the host's file. All calls finish before they return. */
class InputFile final : public arrow::io::RandomAccessFile
{
  public:
	explicit InputFile(Base *base)
		: base_(base), size_((int64_t) base->host.size_bytes)
	{
		set_mode(arrow::io::FileMode::READ);
		if (size_ > 0 && size_ <= kWholeFileBytes)
		{
			whole_.make(&base->pool, size_, false);
			PARQUET_THROW_NOT_OK(fetch(0, size_, whole_.data()));
			is_whole_ = true;
		}
	}

	Result<int64_t>
	ReadAt(int64_t position, int64_t size, void *out) override
	{
		if (position < 0 || size < 0 || position > size_)
			return Status::Invalid("read of ", size, " bytes at ", position,
								   " outside of the file");
		size = std::min(size, size_ - position);
		if (size == 0)
			return 0;
		if (is_whole_)
			memcpy(out, whole_.data() + position, (size_t) size);
		else
			ARROW_RETURN_NOT_OK(fetch(position, size, out));
		return size;
	}

	Result<std::shared_ptr<arrow::Buffer>>
	ReadAt(int64_t position, int64_t size) override
	{
		if (position < 0 || size < 0 || position > size_)
			return Status::Invalid("read of ", size, " bytes at ", position,
								   " outside of the file");
		size = std::min(size, size_ - position);
		ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> buffer,
							  arrow::AllocateBuffer(size, &base_->pool));
		ARROW_ASSIGN_OR_RAISE(int64_t got,
							  ReadAt(position, size, buffer->mutable_data()));
		if (got != size)
			return Status::IOError("short read");
		return buffer;
	}

	arrow::Future<std::shared_ptr<arrow::Buffer>>
	ReadAsync(const arrow::io::IOContext &, int64_t position,
			  int64_t size) override
	{
		return arrow::Future<std::shared_ptr<arrow::Buffer>>::MakeFinished(
			ReadAt(position, size));
	}

	Result<int64_t>
	Read(int64_t size, void *out) override
	{
		ARROW_ASSIGN_OR_RAISE(int64_t got, ReadAt(position_, size, out));
		position_ += got;
		return got;
	}

	Result<std::shared_ptr<arrow::Buffer>>
	Read(int64_t size) override
	{
		ARROW_ASSIGN_OR_RAISE(auto buffer, ReadAt(position_, size));
		position_ += buffer->size();
		return buffer;
	}

	Result<int64_t>
	GetSize() override
	{
		return size_;
	}
	Result<int64_t>
	Tell() const override
	{
		return position_;
	}
	Status
	Seek(int64_t position) override
	{
		if (position < 0 || position > size_)
			return Status::Invalid("seek outside of the file");
		position_ = position;
		return Status::OK();
	}
	Status
	WillNeed(const std::vector<arrow::io::ReadRange> &) override
	{
		return Status::OK();
	}
	Status
	Close() override
	{
		is_closed_ = true;
		return Status::OK();
	}
	bool
	closed() const override
	{
		return is_closed_;
	}

  private:
	Status
	fetch(int64_t position, int64_t size, void *out)
	{
		PmnCode code = base_->host_code;

		/* After a failure nothing more is asked: its message must stay. */
		if (code == PMN_OK)
			code =
				base_->host.read_at(base_->host.context, (uint64_t) position,
									(size_t) size, static_cast<uint8_t *>(out));
		if (code == PMN_OK)
			return Status::OK();
		base_->host_code = code;
		return Status::IOError("read failed");
	}

	Base *base_;
	int64_t size_;
	int64_t position_ = 0;
	bool is_closed_ = false;
	bool is_whole_ = false;
	Block whole_;
};

/* Where a written file goes. is_dead stops what destructors still write. */
class OutputFile final : public arrow::io::OutputStream
{
  public:
	explicit OutputFile(Base *base) : base_(base)
	{
		set_mode(arrow::io::FileMode::WRITE);
	}
	Status
	Write(const void *data, int64_t size) override
	{
		if (is_dead || base_->host_code != PMN_OK)
			return Status::IOError("write after a failure");
		if (size < 0)
			return Status::Invalid("negative size");
		if (size == 0)
			return Status::OK();
		base_->host_code = base_->host.write(base_->host.context,
											 static_cast<const uint8_t *>(data),
											 (size_t) size);
		if (base_->host_code != PMN_OK)
			return Status::IOError("write failed");
		position_ += size;
		return Status::OK();
	}
	Result<int64_t>
	Tell() const override
	{
		return position_;
	}
	Status
	Close() override
	{
		is_closed_ = true;
		return Status::OK();
	}
	bool
	closed() const override
	{
		return is_closed_;
	}

	bool is_dead = false;

  private:
	Base *base_;
	int64_t position_ = 0;
	bool is_closed_ = false;
};

/* Julian day of 1970-01-01 and the milliseconds of a day. */
constexpr int64_t kJulianEpoch = 2440588;
constexpr int64_t kDayMillis = 86400000;

} // namespace shim
using namespace shim;

#include "format_arrow_column.inc"
#include "format_arrow_stats.inc"
#include "format_arrow_keep.inc"
#include "format_arrow_decode.inc"
#include "format_arrow_nested.inc"
#include "format_arrow_levels.inc"
#include "format_arrow_assemble.inc"
#include "format_arrow_variant.inc"
#include "format_arrow_pages.inc"
#include "format_arrow_reader.inc"
#include "format_arrow_schema.inc"
#include "format_arrow_shred.inc"
#include "format_arrow_writer.inc"

extern "C" __attribute__((visibility("default"))) const PmnArrowApi *
pmn_arrow_api(void)
{
	static const PmnArrowApi api = {
		PMN_ARROW_API_VERSION, reader_open,			 reader_row_count,
		reader_group_count,	   reader_group_rows,	 reader_group_stats,
		reader_load_pages,	   reader_page_stats,	 reader_begin_group,
		reader_next,		   reader_close,		 writer_open,
		writer_write,		   writer_size_estimate, writer_finish,
		writer_close};

	return &api;
}
